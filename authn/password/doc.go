// Package password makes a source of users from a table of password hashes.
//
//	find := func(ctx context.Context, name string) (authn.Subject, authn.Secret, error) {
//		var hash string
//		err := db.QueryRowContext(ctx, "SELECT hash FROM users WHERE name = $1", name).Scan(&hash)
//		if errors.Is(err, sql.ErrNoRows) {
//			return authn.Subject{}, "", authn.ErrNoMatch
//		}
//		return authn.Subject{Name: name}, authn.Secret(hash), err
//	}
//	users := password.Source(find, password.SourceConfig{})
//
// [Source] checks the password, a limited number at a time, takes as long for unknown users, and
// notices a new password. If the database ignores case, select the name too, and return that one.
// [NewHash] makes the hashes.
//
// [Parse], [Checker] and [Decoy] are what Source is made of, for special cases such as a login page
// of your own.
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
// A source that answers faster for unknown users reveals who exists. So Source checks a [Decoy] for
// them, which takes as long as the costliest hash and never matches. Users with a cheaper hash
// still stand out until they get a new one.
package password
