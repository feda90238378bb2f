//go:build unix

package auth_test

import (
	"syscall"
	"testing"
	"time"
)

// reportCPU measures the processor time of a benchmark's loop, with that of the garbage collector. Unlike the time on the clock it
// can be compared while the machine does something else as well.
func reportCPU(b *testing.B) (report func()) {
	b.Helper()
	start := processorTime(b)
	return func() { b.ReportMetric(float64(processorTime(b)-start)/float64(b.N), "cpu-ns/op") }
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
