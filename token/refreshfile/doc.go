// Package refreshfile keeps refresh tokens in one file, so that logins survive a restart. It needs no server:
//
//	store, err := refreshfile.Open(refreshfile.Config{Path: "/var/lib/registry-auth/refresh-tokens"})
//	defer store.Close()
//	tokens, err := token.NewRefreshTokens(token.RefreshConfig{Store: store, Key: key})
//
// The key has to be the same after a restart; keep it outside the file. The file then holds nothing that verifies: only hashes
// under that key, and who logged in when.
//
// # What is on the disk, and when
//
// Issuing, revoking and rotating are answered once they are on the disk. Whatever arrives while the disk is busy is written
// together, so many clients at once do not wait for each other. The time of a last use is written within half a minute; after a
// crash it may be that much too old.
//
// The file is a log of changes. All records are in memory as well, some 500 bytes each, and uses are answered from there. When
// most of the log is outdated it is written anew beside the old one, as Path + ".new", and takes its place at once.
//
// # When the disk fails
//
// When a write or a sync fails, as on a full disk, what waits for it fails, and so does every change from then on, until the
// whole file could be written anew; that is tried by itself, and with a change, at most once a second. In the meantime uses are
// answered from memory. A deletion that fails is in force nevertheless, and is written with the next attempt that succeeds.
//
// When a process or a machine stops in the middle of a write, the end of the file is torn: [Open] cuts it off and says so in
// the log and by [Store.Cut]. Nothing in it was answered. Any other damage is [ErrDamaged].
//
// One process at a time has the file open. For several servers, use a database.
package refreshfile
