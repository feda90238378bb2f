package serve

import (
	"runtime"
	"runtime/debug"
)

// By how many percent the heap may grow before it is collected: at the start, while YAML's nodes
// are there, and later. 100 000 rules and 10 000 users then need about 120 MiB at full rate.
const (
	loadGrowth = 15
	minGrowth  = 40
)

// tidyMemory gives back the memory of YAML's nodes, ten times that of what comes of them. A small
// heap may grow to 16 MiB: a full server would otherwise spend an eighth of its time collecting.
func tidyMemory(getenv func(string) string) {
	const smallHeap, maxGrowth = 16 << 20, 400
	debug.FreeOSMemory()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	growth := int(smallHeap/(now.HeapAlloc/100+1)) - 100 //nolint:gosec // at most 16 Mi
	setGrowth(getenv, min(max(growth, minGrowth), maxGrowth))
}

func setGrowth(getenv func(string) string, percent int) {
	if getenv("GOGC") == "" && getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(percent)
	}
}
