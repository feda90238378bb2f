package serve

import (
	"runtime"
	"runtime/debug"
)

// The heap is collected when it has grown by so many percent, or to so many bytes when that is more. Rules and users live long and
// have few pointers: a collection of 100 000 and 10 000 takes 2 ms. Without them next to nothing is alive, and the heap would be
// collected seventy times a second at full rate, which takes an eighth of the time of a request.
const (
	LeastGrowth = 50
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

// growth is in percent of what is alive, which is not nothing.
func growth(alive uint64) int {
	if alive >= usualHeap {
		return LeastGrowth
	}
	return max(LeastGrowth, int((usualHeap-alive)*100/alive)) //nolint:gosec // less than usualHeap
}

// CollectorIsConfigured reports whether the environment says when the heap is to be collected.
func CollectorIsConfigured(getenv func(string) string) bool {
	return getenv("GOGC") != "" || getenv("GOMEMLIMIT") != ""
}
