// Package static is a source of users that are listed in the program: a few of them from a configuration, or the users of a
// file that another package reads.
//
//	users, err := static.New(
//		static.User{Name: "alice", PasswordHash: aliceHash, Labels: map[string][]string{"group": {"devs"}}},
//		static.User{Name: "builder", PasswordHash: builderHash, Kind: authn.KindServiceAccount},
//	)
//
// The hashes are those that package password accepts: bcrypt, as htpasswd -nBC 10 makes it, and argon2id, as password.Hash
// does. Hashes that are weak, and lists of hashes that take different times and so tell who exists, get a warning in the log.
//
// A list never changes. A source that reloads makes a new one and swaps it in, as package htpasswd does; a [Config] with a
// Checker keeps the bound on password checks across them.
package static
