// Package auth serves registry token authorization over HTTP. [Server] is the token endpoint, where
// the clients of a registry fetch their tokens. [Require] is the registry's side of the flow, for
// handlers without token authentication of their own.
//
//	client                       registry                 token server
//	  | GET /v2/team/app/…          |                          |
//	  |---------------------------->|                          |
//	  | 401 WWW-Authenticate: Bearer realm=…,service=…,scope=… |
//	  |<----------------------------|                          |
//	  | GET realm?service=…&scope=repository:team/app:pull     |
//	  |------------------------------------------------------->|  who asks?           authn
//	  | 200 {"token":"eyJ…","expires_in":300}                  |  what may they do?   authz
//	  |<-------------------------------------------------------|  signed              token
//	  | GET /v2/team/app/… Authorization: Bearer eyJ…          |
//	  |---------------------------->|                          |
//
// A server needs at least a service, keys and an authorizer:
//
//	server, err := auth.NewServer(auth.Config{
//		Service: "registry.example.com",
//		Issuer: token.IssuerConfig{
//			Name: "auth.example.com", Keys: token.KeyFiles("auth.key", "auth.crt"),
//		},
//		Authenticator: throttle.New(authn.Cache(users, authn.CacheConfig{}), throttle.Config{}),
//		Authorizer:    authz.OwnNamespace(), // alice may pull and push alice/app
//	})
//	http.Handle("/token", server)
//
// Keep the order of the decorators: the cache around all sources of users saves a password hash for
// each repeated login, and the throttle around the cache sees every attempt.
//
// Mount the server under an exact path, since it does not look at the path itself. [JWKS] serves
// the public keys. Package refreshadmin lists and revokes refresh tokens.
//
// # Requests and answers
//
// A client asks with GET and HTTP Basic (distribution, "Token Authentication Specification"), or
// with POST and a form (the same, "OAuth2 token authentication", on top of RFC 6749). With
// offline_token=true in a GET, or access_type=offline in a POST, it asks for a refresh token; see
// [Config].RefreshTokens. The answers are:
//
//	200  a token for the allowed part of the request, which may be empty
//	400  a malformed request, or a service that is not configured
//	401  wrong or unreadable credentials, or none where anonymous requests are refused
//	405  a method other than GET and POST
//	413  a body that is too large
//	414  a query that is too large
//	415  a POST whose body is not a form
//	429  too many logins failed or are under way: nothing was checked; see package throttle
//	500  a bug, such as a panic in an authorizer
//	503  a source of users, the services, authorizer, issuer or a store failed or timed out
//
// 429 and 503 have a Retry-After header. Clients discard their credentials only after a 401. The
// body of an error serves clients of both protocols, unless [Config].WriteError writes another:
//
//	{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}],
//	 "error": "invalid_grant", "error_description": "authentication required"}
//
// A malformed scope among others is ignored, since real clients send such lists. If no other is
// left, the answer is 400, except for a lone "scope=*", which asks for nothing. The parameter
// account has to repeat the user name of HTTP Basic; with other credentials it is ignored.
//
// The action "*" is never expanded. A client that requests repository:team/app:* gets "*" if the
// authorizer returns "*", which distribution takes for every action, and otherwise nothing: pull
// and push were not requested. So a rule grants it by returning "*" for a requested "*".
//
// # Several services
//
// With [Config].Services in place of Service and Issuer, a server issues tokens for several
// registries: those of a [ServiceMap], or of a [ServiceFunc] that looks them up, for GET and POST
// alike. A client that leaves the service out gets that of [Config].DefaultService, such as the
// host that it asked, or the only one.
//
// # Who asks
//
// Credentials are those of HTTP Basic or of the form, unless [Config].Credentials finds others in a
// GET: a session, a bearer token, or the header of a trusted proxy. The Authenticator checks them
// all, and sees requests without any too, since it may know the connection.
//
// With AnonymousAllowed, whoever sends no credentials gets what the Authorizer gives the anonymous
// subject, whose name is empty: make sure that its rules do not match that name by accident.
// Sources have to return [authn.ErrNoMatch] for requests without credentials. After
// [authn.ErrRejected], the answer is 401 even with AnonymousAllowed.
//
// A personal token may allow less than the account of its user. Give it an [authn.Limit], which
// applies after any Authorizer, and a Stamp of its own; see package authn. A subject whose
// ValidUntil has passed is refused with 401, and its access tokens end soon after; see
// [token.Request].
//
// # Running the server
//
// The server limits the time of a request and its size: 32 KiB for a query or a body, with 400
// parameters and 100 scopes. Real requests have some hundred bytes. The rest belongs to
// [http.Server]: set ReadHeaderTimeout and IdleTimeout, and MaxHeaderBytes to 32 KiB. A wrapper of
// the ResponseWriter needs an Unwrap method, or a POST may take as long as it likes. Serve HTTPS
// except on the loopback interface: requests carry passwords. The server takes the client's address
// from the connection and trusts no header. Behind a proxy, set [Config].RemoteAddr, or all clients
// share one address and one count of failed logins.
//
// The configuration of a Server does not change. To reload it, make another Server and put it in
// place of the first with a [sync/atomic.Pointer]. Keep the password.Checker, the [token.KeySet],
// the [refresh.Tokens], and the Store and the Key of the throttle: clients then stay logged in, and
// guesses stay counted.
package auth
