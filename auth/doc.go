// Package auth serves registry token authorization over HTTP: the token endpoint that a registry's
// challenge names, and the registry's side of the flow for handlers that lack it.
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
// A [Server] is the token endpoint. [NewServer] refuses an incomplete [Config]:
//
//	users := authn.Chain(people, robots)
//	server, err := auth.NewServer(auth.Config{
//		Services:      map[string]auth.Issuer{"registry.example.com": issuer},
//		Authenticator: throttle.New(authn.Cache(users, authn.CacheConfig{}), throttle.Config{}),
//		Authorizer:    authz.First(authz.PublicPull("public"), authz.OwnNamespace()),
//	})
//	http.Handle("/token", server)
//
// The order of the authenticators matters: the cache is around the chain, so that repeated logins
// cost no password hash, and the throttle around the cache, so that it sees every attempt.
//
// Mount the server under an exact path. [JWKS] serves the public keys, and [Require] protects a
// handler with the tokens. Package refreshadmin lists and revokes refresh tokens.
//
// # What clients send and read
//
// A client asks with GET and HTTP Basic (distribution, "Token Authentication Specification"), or
// with POST and a form (the same, "OAuth2 token authentication", on top of RFC 6749). With
// offline_token=true in a GET, or access_type=offline in a POST, it asks for a refresh token; see
// [Config].RefreshTokens. The answers are:
//
//	200  a token for what was asked and is allowed, which may be nothing
//	400  a malformed request, or one for a service that is not configured
//	401  credentials that are wrong, unreadable, or missing where anonymous requests are refused
//	405, 413, 414, 415  another method, a body or query that is too large, another media type
//	429  a login after too many failures, not checked, with Retry-After; see package throttle
//	500  a bug, such as a panic in an authorizer
//	503  a failing source of users or decisions, with Retry-After; clients keep their credentials
//
// A malformed scope among others is left out, since real clients send such lists. If nothing is
// left, the answer is 400.
//
// # What the embedding program does
//
// The server reads queries and bodies of at most 32 KiB with 400 parameters and 100 scopes, where
// real ones have some hundred bytes, and limits the time of a request. The rest belongs to
// [http.Server]: set ReadHeaderTimeout and IdleTimeout, and MaxHeaderBytes to 32 KiB. Serve HTTPS
// unless the network is the machine's own: each request carries a password. No header is trusted
// for the client's address. Behind a proxy, set [Config].RemoteAddr, or all clients share one
// address and one count of failed logins.
package auth
