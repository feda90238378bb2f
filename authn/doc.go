// Package authn finds out who asks for a token.
//
// An [Authenticator] turns the credentials in a [Request], such as a name and a password, into a
// [Subject]. A typical server reads two files of users and remembers logins for a minute:
//
//	staff, err := htpasswd.Open(htpasswd.Config{File: "staff", Checker: checker})
//	partners, err := htpasswd.Open(htpasswd.Config{File: "partners", Checker: checker})
//	users := throttle.New(
//		authn.Cache(authn.Chain(staff, partners), authn.CacheConfig{}), throttle.Config{})
//
// Keep this order: package throttle sees every attempt, and one [Cache] serves the whole [Chain].
//
// Your own source is a [Func] or a type with one method. It must take as long for unknown users as
// for known ones, or its timing reveals who exists; package password helps.
//
// # Results
//
// The error of Authenticate decides what happens next:
//
//   - nil: the credentials are right. The Subject has a name.
//   - [ErrNoMatch]: unknown user, or no credentials of this kind. A Chain asks its next member.
//     After the last: a 401, or anonymous access if it is allowed and there are no credentials.
//   - [ErrRejected]: known user, wrong credentials. The client gets a 401.
//   - any other error: an outage. The client gets a 503 and keeps its password.
//
// # Directory and Confirmer
//
// Caches and refresh tokens remember a subject and must notice when it is removed or gets a new
// password. They call [Confirm], which needs one of two optional abilities of the source:
//
//   - A [Directory] looks a subject up by name. That is enough if a name has one password.
//   - A [Confirmer] gets the whole remembered subject.
//
// A name with several credentials needs a Confirmer, since a lookup returns the rights of the
// account: a personal token that can only pull could then push. Without a Confirmer, give such
// credentials a Limit or their own Stamp; then they are never confirmed by name.
//
// With neither ability, the cache notices no change for its TTL, and there are no refresh tokens.
package authn
