//go:build unix

package config

import (
	"io/fs"
	"syscall"
)

// inode tells a file from one that replaced it within the resolution of the clock.
func inode(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Ino) //nolint:unconvert,nolintlint // smaller on some machines
	}
	return 0
}
