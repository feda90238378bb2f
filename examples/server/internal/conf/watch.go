package conf

import (
	"fmt"
	"os"
)

// Fingerprints returns the state of files and folders, to find out later whether they changed.
func Fingerprints(paths []string) map[string]string {
	found := make(map[string]string, len(paths))
	for _, path := range paths {
		found[path] = fingerprint(path)
	}
	return found
}

func fingerprint(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "missing"
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano(), info.Mode())
}

// watch takes the fingerprint of a file or folder before it is read: a later change is then seen.
func (d *Document) watch(path string) {
	if _, known := d.watched[path]; !known && !d.listing {
		d.watched[path] = fingerprint(path)
	}
}
