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
// Your own source is a look-up in your tables: for passwords with package password, for API keys,
// personal tokens and sessions with [Tokens]. JWTs of an identity provider are for package jwt.
// [Passwords] calls a function that checks a name and a password, a [Func] checks anything else. A
// source of passwords must take as long for unknown users as for known ones, or its timing reveals
// who exists; package password does.
//
// What a source knows in types of its own travels to your authorizer in Subject.Data. Nothing
// compares Data, so rights that differ between the credentials of one name belong in Limit or
// Labels.
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
// A source that returns ErrRejected for a request without credentials turns anonymous access off,
// even if the server has AnonymousAllowed. Passwords does not ask its function then.
//
// # Directory and Confirmer
//
// Caches and refresh tokens save checks, and must notice when a user is removed or gets a new
// password. So they remember only what the source can confirm, at the login and at each later use,
// and nothing beyond Subject.ValidUntil. Every Subject needs a Stamp for that, which identifies its
// credentials, and the source one of two optional abilities:
//
//   - A [Directory] looks a subject up by name. That is enough if a name has one password.
//   - A [Confirmer] gets the remembered subject, and finds the credentials by the Stamp.
//
// The danger of a look-up by name: it returns the rights of the account, and a personal token that
// can only pull could then push. So give every token its rights as Limit, a Stamp of its own, and
// the source a Confirmer. Tokens is one. Without one, a subject with a Limit is never confirmed.
//
// What cannot be confirmed is checked each time and gets no refresh token. That is safe, and slow:
// Cache logs a warning. Two faults it cannot see: credentials that share a Stamp while they have
// the same rights, and a source that decides by address, certificate, client or service: Cache does
// not pass those on, and Confirm does not get them. Give the subjects of such a source no Stamp.
package authn
