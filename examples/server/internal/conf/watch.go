package conf

import (
	"maps"
	"os"
)

// A Fingerprint is the state of a file or folder at some time. The zero one is of a missing file.
type Fingerprint struct{ info os.FileInfo }

// NewFingerprint returns the present state.
func NewFingerprint(path string) Fingerprint {
	info, err := os.Stat(path)
	if err != nil {
		return Fingerprint{}
	}
	return Fingerprint{info}
}

// Equal reports whether nothing has changed between two states. It tells a file from another one
// that took its place at the same time.
func (f Fingerprint) Equal(g Fingerprint) bool {
	if f.info == nil || g.info == nil {
		return f.info == g.info
	}
	return f.info.Size() == g.info.Size() && f.info.ModTime().Equal(g.info.ModTime()) &&
		f.info.Mode() == g.info.Mode() && os.SameFile(f.info, g.info)
}

// Unchanged reports whether the same files were in the same state.
func Unchanged(one, other map[string]Fingerprint) bool {
	return maps.EqualFunc(one, other, Fingerprint.Equal)
}

// Again returns the present state of the same files.
func Again(watched map[string]Fingerprint) map[string]Fingerprint {
	now := make(map[string]Fingerprint, len(watched))
	for path := range watched {
		now[path] = NewFingerprint(path)
	}
	return now
}

// watch takes the fingerprint of a file or folder before it is read: a later change is then seen.
func (d *Document) watch(path string) {
	if _, known := d.watched[path]; !known && !d.listing {
		d.watched[path] = NewFingerprint(path)
	}
}
