// Package jwt accepts JWTs of an identity provider as passwords, under any user name:
//
//	idp, err := jwt.New(jwt.Config{
//		Issuer: "https://idp.example.com", Audience: "registry.example.com",
//	})
//	users := authn.Chain(idp, people)
//
// The keys are found by OpenID Connect Discovery or at Config.KeysURL, and fetched at the first
// login. Ask for JWTs in front of package throttle, as for other tokens: nobody guesses them.
//
// # What is accepted
//
// A JWT is signed with RS256, ES256, ES384, ES512 or EdDSA, has a kid or x5c that names a key of
// the provider, the iss and the aud of the Config, a sub, an exp, and no typ or "JWT". So RFC 9068
// access tokens, whose typ is at+jwt, are refused. Clocks may differ by a minute, but nothing is
// accepted after its exp. The results are those of an [authn.Authenticator]:
//
//   - [authn.ErrNoMatch]: no JWT, or one with another iss, whose signature is not checked. So a
//     [authn.Chain] can have several issuers.
//   - [authn.ErrRejected]: any other JWT that is not acceptable. The error wraps token.ErrInvalid
//     if the JWT itself is the reason. No error contains any part of it.
//   - any other error: the provider is down or slow and the key is not known, or Config.Subject
//     failed
//
// # Dangers
//
// The audience must be one that only this registry has. With that of another application, or one
// that all share, every JWT of those is a login.
//
// The name of the subject is sub unless Config.Subject says otherwise. An email address or a user
// name at the provider can be somebody else's tomorrow; sub never is. With other sources beside
// this one, add a prefix, or a sub can be the name of a user there.
//
// ValidUntil of the subject is the exp of the JWT, or that of Config.Subject if it is earlier. So
// access tokens end with the JWT. A provider does not say whether a JWT or its user is still good,
// so there is no Lookup and no Confirm, and the Stamp is removed: another source of the Chain could
// confirm it. Caches remember nothing, and there are no refresh tokens, which would outlive the
// JWT. Clients send it again.
//
// # Keys
//
// A JWT with an unknown key fetches the keys again, and waits. Anybody can send one, so there is at
// most one fetch in ten seconds. Within that time, an unknown key is rejected, or an outage if the
// last fetch failed. Providers publish a key long before they sign with it.
//
// Keys older than five minutes are fetched again by the next login, which does not wait: it is
// accepted by the old keys. So a key that the provider withdraws ends five minutes later, or after
// a quiet time with the first login. While the provider is down, its known keys are good for a day,
// and each failure is logged. There is no goroutine besides a fetch, which ends within five
// seconds.
//
// Keys come by https, or by http from this host: whoever can replace them can be anybody. Redirects
// are not followed.
package jwt
