//go:build !race

package auth_test

const (
	raceAllocates   = 1
	raceAllocations = 0
)
