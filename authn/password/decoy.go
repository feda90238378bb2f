package password

// Decoy returns a hash that no password matches, and that takes as long to check as the costliest of the given ones: what to
// check against for a user who does not exist or may not log in. Without any it costs as much as what [Hash] makes.
//
// Making one takes no time to speak of, so that it may be done at each reload of a list of users.
func Decoy(hashes ...Hash) Hash {
	var costliest scheme
	for _, h := range hashes {
		if h.scheme != nil && (costliest == nil || h.scheme.nominalMicroseconds() > costliest.nominalMicroseconds()) {
			costliest = h.scheme
		}
	}
	if costliest == nil {
		costliest = defaultArgon2id()
	}
	return Hash{&decoy{costliest.decoy()}}
}

// decoy does the work of a real hash and throws the result away.
type decoy struct{ scheme }

func (d *decoy) matches(password string) bool {
	_ = d.scheme.matches(password)
	return false
}
