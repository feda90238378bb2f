// Package authn finds out who asks for a token.
//
// An [Authenticator] turns the proof in a [Request] (a user name and a password, a client certificate) into a [Subject].
// Three kinds of answer matter, and they are told apart by the error:
//
//   - a Subject: the proof is right;
//   - [ErrNoMatch]: not one of mine, ask the next authenticator;
//   - [ErrRejected]: mine, and the proof is wrong: the client reads 401;
//   - any other error: the source of users is broken: the client reads 503 and keeps its credentials.
//
// Sub-packages hold sources of users: static (in memory) and htpasswd (a file). A source of one's own is a [Func], or a
// type with one method. What wraps an Authenticator is an Authenticator, so that main reads in the order in which things
// happen:
//
//	users := authn.Throttle(authn.Cache(authn.Chain(file, robots), authn.CacheConfig{}), authn.ThrottleConfig{})
//
// Read from the inside: several sources of users, what is remembered of them, and what keeps people from guessing.
//
// # Who a subject is
//
// A [Subject] is a plain value. Its zero value is the anonymous subject, and so is every subject without a name; an
// authenticator never returns that, since anonymous access is granted by configuration and not by a source of users.
// Whether a subject is a person or a service account is the field Kind, never a prefix of the name.
//
// # Directories
//
// A source that can say who somebody is without a proof also implements [Directory]. Refresh tokens need it, because a
// disabled user must not get new tokens, and [Cache] uses it to forget a user whose password has changed. Chain and Cache
// pass the ability on.
//
// # Timing
//
// A source that compares password hashes must take as long for a user it does not know as for one it knows, or the time
// tells who exists. Package password has the means; the sources here use it. [Chain] has one password checked per request, so
// that the number of sources does not tell either. Sources whose checks take different times are told apart by the time, as hashes of
// different costs are in one source.
package authn
