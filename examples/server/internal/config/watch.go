package config

import (
	"fmt"
	"os"
)

// watch remembers a file or folder as one to watch. It comes before the file is read: a change meanwhile is then one from what
// was read.
func (l *loader) watch(path string) {
	l.cfg.Watched = append(l.cfg.Watched, path)
	if l.cfg.Fingerprints == nil {
		l.cfg.Fingerprints = make(map[string]string)
	}
	if _, known := l.cfg.Fingerprints[path]; !known {
		l.cfg.Fingerprints[path] = Fingerprint(path)
	}
}

// Fingerprint returns a text about a file or folder that is another one whenever the file is.
func Fingerprint(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "missing"
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano(), info.Mode(), inode(info))
}
