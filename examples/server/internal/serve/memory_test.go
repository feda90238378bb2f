package serve

import "testing"

func TestGrowth(t *testing.T) {
	const mib = 1 << 20
	for alive, want := range map[uint64]int{0: 400, mib: 400, 4 * mib: 200, 8 * mib: 100, 11 * mib: 50, 500 * mib: 50} {
		if got := growth(alive); got != want {
			t.Errorf("with %d MiB alive the heap may grow by %d %%, want %d", alive/mib, got, want)
		}
	}
}
