// Package authn finds out who asks for a token.
//
// An [Authenticator] turns the credentials in a [Request], such as a name and a password, into a
// [Subject]. A typical server reads two files of users and remembers logins for a minute:
//
//	people, err := htpasswd.Open(htpasswd.Config{File: "people", Checker: checker})
//	robots, err := htpasswd.Open(htpasswd.Config{File: "robots", Checker: checker})
//	users := throttle.New(
//		authn.Cache(authn.Chain(people, robots), authn.CacheConfig{}), throttle.Config{})
//
// Keep this order. One [Cache] serves all sources, and package throttle sees every attempt.
//
// Your own source is a [Func] or a type with one method. It must take as long for unknown users as
// for known ones, or the time tells who exists; package password helps.
//
// # Results
//
// The error of Authenticate decides what happens next:
//
//   - nil: the credentials are right. The Subject has a name.
//   - [ErrNoMatch]: unknown user, or no credentials of this kind. A [Chain] asks its next member.
//     After the last, the client gets a 401.
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
// A name with several credentials needs a Confirmer. A lookup by name finds the rights of the
// account: the cache would turn a personal token that can only pull into one that can push. Mark
// such credentials with a Limit or with a Stamp of their own, so that Confirm does not confirm
// them by name. Labels do not help, since a lookup replaces them.
//
// With neither ability, the cache does not notice changes, and subjects get no refresh tokens.
package authn
