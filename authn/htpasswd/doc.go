// Package htpasswd is a source of users that are listed in a file of Apache's htpasswd format.
//
//	users, err := htpasswd.Open("/etc/registry-auth/htpasswd", htpasswd.Config{})
//
// # The format
//
// A line holds a user name, a colon and a password hash; empty lines and lines that begin with # are skipped, and Windows line
// ends are understood. Make one with
//
//	htpasswd -nBC 10 alice
//
// The hashes are those that package password accepts: bcrypt, and beyond Apache argon2id in PHC format. MD5 ($apr1$), SHA-1,
// crypt and clear text are refused, and so is the whole file with them: a user who silently could not log in would be harder to
// find. There are no disabled users in the format. All users are of kind [authn.KindUser], without labels.
//
// # Changes
//
// Each request looks whether the file has changed, which takes about a microsecond, so that a new password counts at once and an
// old one no more. A file that cannot be read or has an error is not taken over: what was read before stays in force, the log
// says why, once, and [File.Err] says so for a readiness check.
//
// Replace the file by renaming a new one over it. A writer that empties and fills it in place, as the htpasswd program does, is
// seen at work in most cases, and its result read once it is done: an empty file counts only when it has been so for two seconds.
package htpasswd
