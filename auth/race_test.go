//go:build race

package auth_test

const (
	// raceAllocates is how many times as many bytes are allocated with the race detector, at most.
	raceAllocates = 2.5
	// raceAllocations is how many allocations there are more for a request, since pools drop some of what they are given.
	raceAllocations = 8
)
