// Package jwt accepts JWTs of an identity provider as passwords, under any user name:
//
//	idp, err := jwt.New(jwt.Config{
//		Issuer: "https://idp.example.com", Audience: "registry.example.com",
//	})
//	users := authn.Chain(idp, people)
//
// Ask for JWTs in front of package throttle, as for other tokens: nobody guesses them.
//
// # What is accepted
//
// A JWT is accepted if a key of the provider, which its kid or x5c names, signed it with RS256,
// ES256, ES384, ES512 or EdDSA; if it has the iss and the aud of the Config, a sub, and an exp that
// has not passed; and if its typ is JWT or missing. That of an RFC 9068 access token is at+jwt,
// which is refused, and so is a JWT with an access claim that is not that of a registry token. The
// clock of the provider may be a minute ahead. The errors are those of an [authn.Authenticator],
// without any part of the JWT:
//
//   - [authn.ErrNoMatch]: no JWT, or one of another issuer, whose signature is not checked. So
//     several issuers can be in one [authn.Chain].
//   - [authn.ErrRejected]: any other JWT that is not acceptable
//   - any other: the key is unknown and the provider does not answer, or Config.Subject failed
//
// # Dangers
//
// The audience must be one that only this registry has. Otherwise JWTs for other applications log
// in too.
//
// The name of the subject is the sub, or what Config.Subject says. An email address or a user name
// can be somebody else's tomorrow, but sub never is. Give it a prefix if there are other sources,
// or it could be the name of one of their users.
//
// ValidUntil is the exp, or that of Config.Subject if it is earlier, and access tokens end then. No
// cache remembers the login and there are no refresh tokens: they would outlive the JWT, and the
// provider does not say whether it is still good. So a Stamp of Config.Subject is removed, by which
// another source of the Chain could confirm the subject.
//
// # Keys
//
// The first login fetches the keys. So does a JWT with an unknown key, which waits for them, but
// anybody can send one: there is one fetch in ten seconds. Until the next, such a JWT is rejected,
// or an outage if the last fetch failed. So providers must publish a key before they sign with it.
//
// When the keys are five minutes old, the next login fetches them in a goroutine that ends within
// five seconds, and does not wait. So the first login after a quiet time can be one with a key that
// the provider has withdrawn. While the provider is down, its known keys are good for a day.
//
// Keys come by https, or by http from this host: whoever can replace them can be anybody. Redirects
// are not followed.
package jwt
