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
// A server needs at least a service and an authorizer:
//
//	users := authn.Chain(people, robots)
//	server, err := auth.NewServer(auth.Config{
//		Services:      auth.ServiceMap{"registry.example.com": issuer},
//		Authenticator: throttle.New(authn.Cache(users, authn.CacheConfig{}), throttle.Config{}),
//		Authorizer:    authz.OwnNamespace(), // alice may pull and push alice/app
//	})
//	http.Handle("/token", server)
//
// Put the cache around the chain, so that repeated logins cost no password hash, and the throttle
// around the cache, so that it sees every attempt.
//
// Mount the server under an exact path, since it does not look at the path itself. [JWKS] serves
// the public keys. Package refreshadmin lists and revokes refresh tokens.
//
// # Requests and answers
//
// A client asks with GET and HTTP Basic (distribution, "Token Authentication Specification"), or
// with POST and a form (the same, "OAuth2 token authentication", on top of RFC 6749). With
// offline_token=true in a GET, or access_type=offline in a POST, it asks for a refresh token; see
// [Config].RefreshTokens. A GET may omit the service if only one is configured. The answers are:
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
//	503  a source of users, the authorizer, an issuer or the refresh tokens failed or timed out
//
// 429 and 503 have a Retry-After header. Clients discard their credentials only after a 401. A
// malformed scope among others is ignored, since real clients send such lists. If no other is left,
// the answer is 400.
//
// # Running the server
//
// The server limits the time of a request and its size: 32 KiB for a query or a body, with 400
// parameters and 100 scopes. Real requests have some hundred bytes. The rest belongs to
// [http.Server]: set ReadHeaderTimeout and IdleTimeout, and MaxHeaderBytes to 32 KiB. Serve HTTPS
// except on the loopback interface: requests carry passwords. The server takes the client's address
// from the connection and trusts no header. Behind a proxy, set [Config].RemoteAddr, or all clients
// share one address and one count of failed logins.
package auth
