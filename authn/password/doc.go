// Package password makes password hashes and checks passwords against them, a limited number at a
// time.
//
// The sources of users in this module are built on it. With users in a database of your own, store
//
//	hash, err := password.NewHash("wonderland") // string(hash) is the text for the row
//
// and check with
//
//	checker := &password.Checker{} // one for the whole process
//	hash, err := password.Parse(row.PasswordHash)
//	matches, err := checker.Check(ctx, hash, r.Password)
//	// no such row: checker.Check(ctx, password.Decoy(), r.Password)
//
// # Hashes
//
//   - bcrypt, as htpasswd -nB makes it: $2a$, $2b$ or $2y$ with cost 5 to 14. The default of
//     htpasswd is 5, so that is accepted, but a cost below 10 is a [Hash.Weakness].
//   - argon2id in PHC format, version 19: m=7168 to 65536 (7 to 64 MiB), t=1 to 5, p=1 to 4, a salt
//     of 8 to 64 bytes and a digest of 16 to 64 bytes. That includes all parameters that OWASP
//     recommends. A product of m and t below 35840, their minimum, is a Weakness.
//
// Everything else is an error. The upper bounds limit what a request costs: a check with bcrypt of
// cost 31 takes more than a day.
//
// # Passwords
//
// A password has 1 to 1024 bytes. bcrypt reads 72 bytes at most and cannot tell "a" from "a\x00a",
// so a longer password and one with a zero byte never match a bcrypt hash.
//
// # Unknown users
//
// A source that answers faster for unknown users reveals who exists. For an unknown user, check a
// [Decoy], which takes as long as the costliest hash given and never matches. Users with a cheaper
// hash still stand out until they get a new one.
package password
