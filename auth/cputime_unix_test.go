//go:build unix

package auth_test

import (
	"syscall"
	"time"
)

// cpuTime is the processor time of this process, or zero where it is unknown.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
