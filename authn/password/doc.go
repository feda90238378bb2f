// Package password makes password hashes and checks passwords against them, within bounds.
//
// The sources of users in this module are built on it. It is public for those who keep their users in a database of their
// own:
//
//	encoded, err := password.NewHash("wonderland") // once, when alice chooses her password; string(encoded) goes into the row
//
//	checker := &password.Checker{}              // one for the whole process
//	known, err := password.Parse(row.PasswordHash)
//	matches, err := checker.Check(ctx, known, r.Password)
//
// # Which hashes
//
//   - bcrypt, as htpasswd -nB makes it: $2a$, $2b$ or $2y$, cost 5 to 14. A cost below 10 is a [Hash.Weakness]; it is
//     accepted since 5 is what htpasswd makes unless it is told otherwise.
//   - argon2id in PHC format, version 19: memory 7 MiB to 64 MiB (m=7168 to m=65536), t=1 to 4, p=1 to 4, a salt of 8 to
//     64 bytes and a hash of 16 to 64 bytes. Less memory than that is below every set of parameters that OWASP recommends,
//     and refused. A product of m and t below 35840, the least of theirs, is a Weakness.
//
// All others are refused. The upper bounds are there because a request costs what the hash says: bcrypt with cost 31 parses
// and runs for more than a day.
//
// # Passwords
//
// A password has 1 to [maxLength] bytes; others match nothing. bcrypt reads at most 72 bytes, and takes "a" and "a\x00a" for
// the same: a longer password, or one with a zero byte, never matches a bcrypt hash.
//
// # Unknown users
//
// A source that answers at once for a user it does not know tells who exists. Check against a [Decoy] instead, which takes as
// long as the costliest of the real hashes and matches nothing. Where costs are mixed, the cheaper ones stand out: that cannot
// be hidden, only be mended by making the hashes anew.
package password
