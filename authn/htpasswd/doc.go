// Package htpasswd is a source of users from a file in the htpasswd format of Apache.
//
//	users, err := htpasswd.Open(htpasswd.Config{File: "/etc/registry-auth/htpasswd"})
//
// # Format
//
// Each line has a user name, a colon and a password hash. Empty lines and lines that start with #
// are ignored. To make a line, run
//
//	htpasswd -nBC 10 alice
//
// Hashes are those of package password: bcrypt, and argon2id in PHC format, which Apache does not
// know. MD5 ($apr1$), SHA-1, crypt and plain text passwords are errors, rather than users that
// cannot log in. All users are of kind [authn.KindUser] and have no labels.
//
// # Changes
//
// Every request checks whether the file has changed, which takes a microsecond, so a new or removed
// password takes effect at once. A change that leaves size and modification time as they were is
// noticed within two seconds. When the file cannot be read or has an error, the previous users
// stay, the error is logged once, and [File.Err] returns it for a readiness check.
//
// Update the file by renaming a new one over it. The htpasswd program empties and rewrites it in
// place. To not reject everybody meanwhile, an empty file takes effect after two seconds.
package htpasswd
