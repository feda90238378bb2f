package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// A usage is what the process uses. What cannot be found out on this system is 0.
type usage struct {
	heap       uint64 // bytes that are still referred to
	resident   uint64 // bytes, as the operating system counts
	goroutines int
	files      int
}

// measure collects garbage first: three times, since pools give theirs back after the second.
func measure() usage {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{heap: m.HeapAlloc, resident: resident(), goroutines: runtime.NumGoroutine(), files: openFiles()}
}

func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

func resident() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize()) //nolint:gosec // never negative
}

// settled measures again until no more goroutines and files are there than before, or for some seconds: connections that were
// closed need a moment to end.
func settled(before usage) usage {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); ; <-tick.C {
		now := measure()
		if now.goroutines <= before.goroutines && now.files <= before.files || time.Now().After(deadline) {
			return now
		}
	}
}

func (u usage) String() string {
	const mebi = 1 << 20
	return fmt.Sprintf("heap %.2f MiB, resident %.1f MiB, %d goroutines, %d files",
		float64(u.heap)/mebi, float64(u.resident)/mebi, u.goroutines, u.files)
}
