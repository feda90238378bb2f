package serve

import (
	"runtime"
	"runtime/debug"
)

// The heap is collected when it has grown by so many percent. With 50 percent, 100 000 rules and 10 000
// users need about 110 MiB. Without them next to nothing is alive, and at full rate the heap would be
// collected seventy times a second, which takes an eighth of the time of a request; so it may grow to
// 16 MiB.
const (
	LeastGrowth = 50
	mostGrowth  = 400 // with which the runtime collects nothing below 16 MiB
	usualHeap   = 16 << 20
)

// tidyMemory gives back what a configuration took while it was loaded, and sets how far the heap may grow with it. Reading YAML
// takes ten times the memory of what comes of it, which the collector would give back in the course of minutes.
func (s *Server) tidyMemory() {
	debug.FreeOSMemory()
	if CollectorIsConfigured(s.getenv) {
		return
	}
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	debug.SetGCPercent(growth(now.HeapAlloc))
}

// growth is in percent of what is alive.
func growth(alive uint64) int {
	for growth := mostGrowth; growth > LeastGrowth; growth /= 2 {
		if alive+alive*uint64(growth)/100 <= usualHeap {
			return growth
		}
	}
	return LeastGrowth
}

// CollectorIsConfigured reports whether the environment says when the heap is to be collected.
func CollectorIsConfigured(getenv func(string) string) bool {
	return getenv("GOGC") != "" || getenv("GOMEMLIMIT") != ""
}
