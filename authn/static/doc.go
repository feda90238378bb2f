// Package static is a source with a fixed list of users, from a configuration or from another
// package.
//
//	users, err := static.New(static.Config{Users: []static.User{
//		{Name: "alice", PasswordHash: hash, Labels: map[string][]string{"group": {"devs"}}},
//		{Name: "builder", PasswordHash: robotHash, Kind: authn.KindServiceAccount},
//	}})
//
// Hashes are those of package password: bcrypt, as htpasswd -nBC 10 makes them, and argon2id, as
// [password.NewHash] does. The log warns about weak hashes, and about lists with hashes of
// different cost, since the time of a check then reveals which users exist.
//
// A list never changes. To reload users, make a new list with the same Checker and swap it in, as
// package htpasswd does.
package static
