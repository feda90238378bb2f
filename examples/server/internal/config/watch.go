package config

import (
	"fmt"
	"os"
	"syscall"
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
	text := fmt.Sprint(info.Size(), info.ModTime().UnixNano(), info.Mode())
	if stat, ok := info.Sys().(*syscall.Stat_t); ok { // tells a file from one that took its place at the same time
		text += fmt.Sprint(" ", stat.Ino)
	}
	return text
}
