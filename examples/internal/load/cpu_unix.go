//go:build unix

package load

import (
	"syscall"
	"time"
)

// cpuNow is what the process has used since it started.
func cpuNow() CPU {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return CPU{}
	}
	return CPU{User: time.Duration(u.Utime.Nano()), System: time.Duration(u.Stime.Nano())}
}
