// Package authntest checks that a source of users keeps the contract of [authn.Authenticator], and
// of [authn.Directory] and [authn.Confirmer] if it is one. Run it from a test of your source, with
// the race detector too:
//
//	func TestSource(t *testing.T) {
//		users := newUsers(t) // alice, with password wonderland
//		authntest.Run(t, authntest.Suite{
//			Source: users,
//			Logins: []authntest.Login{{
//				Request: authn.Request{Username: "Alice", Password: "wonderland"},
//				Subject: authn.Subject{Name: "alice"},
//			}},
//			Wrong:   []authn.Request{{Username: "alice", Password: "looking-glass"}},
//			Unknown: []authn.Request{{Username: "bob", Password: "wonderland"}},
//			Change: func() authn.Request {
//				users.setPassword("alice", "jabberwocky")
//				return authn.Request{Username: "alice", Password: "jabberwocky"}
//			},
//			Disable: func() { users.remove("alice") },
//			Break:   users.close,
//		})
//	}
//
// # What is checked
//
//   - Right credentials prove the expected subject, also concurrently.
//   - Wrong ones are [authn.ErrRejected], and unknown ones [authn.ErrNoMatch].
//   - No credentials and those of another kind are ErrNoMatch, or anonymous access does not work.
//   - An empty or a random password never logs in, and no error repeats it.
//   - An error comes with the zero Subject.
//   - [authn.Confirm] returns the same subject, with the same Limit, end and Data. It gets only
//     what a refresh token stores: Name, Kind, Stamp and Limit.
//   - A subject of another source is not rejected, or an [authn.Chain] would reject it.
//   - A look-up by the typed name and by the name of the subject finds the same subject.
//   - With a context that is done, the source succeeds or reports an outage, but never rejects.
//   - After a change, the old credentials neither work nor can be confirmed, and after the user was
//     disabled none do.
//   - When the source is down, each answer is an outage: after a 401, clients discard a password.
//     Requests without credentials still have ErrNoMatch, and a [Login] that is Offline works.
//
// With several credentials of one name, such as a password and a read-only token, list all of them
// in Logins, with their Data if your authorizer reads it. Run then finds a token that is confirmed
// with the rights of the password. Run it on the Chain of all sources too.
package authntest
