//go:build race

package auth_test

// raceAllocates is how many times as much is allocated with the race detector, at most.
const raceAllocates = 2.5
