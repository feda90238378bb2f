// Package auth is the HTTP face of registry token authorization: the token endpoint that a registry's challenge names, and the
// registry's side of the flow for handlers that have none.
//
//	client                       registry                       token server
//	  | GET /v2/team/app/…          |                                |
//	  |---------------------------->|                                |
//	  | 401 WWW-Authenticate: Bearer realm=…,service=…,scope=…       |
//	  |<----------------------------|                                |
//	  | GET realm?service=…&scope=repository:team/app:pull, Basic    |
//	  |------------------------------------------------------------->|  who asks?           authn
//	  | 200 {"token":"eyJ…","expires_in":300}                        |  what may they do?   authz
//	  |<-------------------------------------------------------------|  signed              token
//	  | GET /v2/team/app/… Authorization: Bearer eyJ…                |
//	  |---------------------------->|                                |
//
// A [Server] is the token endpoint. [NewServer] checks its [Config], so that a program with half a configuration does not start:
//
//	server, err := auth.NewServer(auth.Config{
//		Services:      map[string]*token.Issuer{"registry.example.com": issuer},
//		Authenticator: authn.Throttle(authn.Cache(users, authn.CacheConfig{}), authn.ThrottleConfig{}),
//		Authorizer:    authz.First(authz.PublicPull("public"), authz.OwnNamespace()),
//	})
//	http.Handle("/token", server)
//
// Mount it under an exact path. [JWKS] serves the public keys, and [Require] protects a handler with the tokens.
//
// # What a client reads
//
// It asks with GET and HTTP Basic (distribution, "Token Authentication Specification"), or with POST and a form (the same, "OAuth2
// token authentication", on top of RFC 6749):
//
//	200  a token, with as much of what was asked as is allowed; that may be nothing
//	400  a request that is malformed, or that names no service of this server
//	401  credentials that are wrong, unreadable or, where anonymous requests are refused, missing
//	405, 413, 414, 415  another method, or a body or a query that is not read
//	429  a login that is not looked at, since there were too many wrong ones, with Retry-After; see [authn.Throttle]
//	500  a bug, such as a panic in an authorizer
//	503  a source of users or of decisions that is broken, with Retry-After; the client keeps its credentials
//
// A scope that is malformed beside others that are not is left out, since real clients send such lists; when what is left asks for
// nothing, the answer is 400.
//
// # What an embedding program sees to
//
// The server reads a query or a body of at most 32 KiB with 400 parameters and 100 scopes, where real ones have some hundred
// bytes, and limits the time of a request. The rest belongs to http.Server: set ReadHeaderTimeout and IdleTimeout, and
// MaxHeaderBytes to 32 KiB. Serve HTTPS wherever the network is not the machine's own: passwords travel in each request. The
// defaults trust no header about who the client is or where it comes from; behind a proxy set RemoteAddr, or all clients share one
// address, and with it one count of failed logins.
package auth
