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
// Names are as in package static; a repeated name is an error, and so is anything after the hash.
// Hashes are those of package password: bcrypt, and argon2id in PHC format, which Apache does not
// know. MD5 ($apr1$), SHA-1, crypt and plain text passwords are errors. One error makes the whole
// file invalid. All users are of kind [authn.KindUser] and have no labels.
//
// # Changes
//
// Every request checks whether the file has changed, which takes a microsecond, so a new or removed
// password takes effect at once. A change that leaves size and modification time as they were is
// noticed within two seconds.
//
// While the file is missing, unreadable or invalid, the previous users stay, even removed ones. The
// error is logged once, and [File.Err] returns it for a readiness check.
//
// Update the file by renaming a new one over it. The htpasswd program rewrites it in place, and
// users not yet written are rejected meanwhile. An empty file takes effect after two seconds.
package htpasswd
