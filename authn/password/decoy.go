package password

// Decoy returns a hash that no password matches. A check takes as long as with the costliest of the
// given hashes (by estimated time), or with one of [NewHash] if there are none. Check the password
// of an unknown or disabled user against it. With a database, pass one hash of the usual cost.
func Decoy(hashes ...Hash) Hash {
	var costliest scheme = defaultArgon2id()
	most := 0
	for _, h := range hashes {
		if h.scheme != nil && h.scheme.nominalMicroseconds() > most {
			costliest, most = h.scheme, h.scheme.nominalMicroseconds()
		}
	}
	return Hash{&decoy{costliest.decoy()}}
}

// A decoy does the work of a real hash and discards the result.
type decoy struct{ scheme }

func (d *decoy) matches(password string) bool {
	_ = d.scheme.matches(password)
	return false
}
