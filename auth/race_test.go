//go:build race

package auth_test

const (
	// raceAllocates is the factor by which the race detector allocates more bytes, at most.
	raceAllocates = 2.5
	// raceAllocations is the number of additional allocations for a request, since pools drop some
	// values.
	raceAllocations = 8
)
