package authn

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// After any uses and changes a small one holds the same as a list in which each use moves an entry to the end.
func TestRecentIsExactWhenSmall(t *testing.T) {
	for _, most := range []int{1, 2, 10, exactRecent} {
		r, random := newRecent[int, int](most), rand.New(rand.NewPCG(1, uint64(most)))
		var want []int // the one used last at the end
		for step := range 5*most + 1000 {
			key := random.IntN(2 * most)
			at := slices.Index(want, key)
			if value := r.get(key); (value == nil) != (at < 0) || value != nil && *value != key {
				t.Fatalf("%d at most, step %d: %d is %v, want it at %d", most, step, key, value, at)
			}
			if at >= 0 {
				want = slices.Delete(want, at, at+1)
			}
			if random.IntN(10) == 0 {
				r.drop(key)
				continue
			}
			want = append(want, key)
			if at < 0 || random.IntN(10) == 0 {
				r.add(key, &key)
			}
			if len(want) > most {
				want = want[1:]
			}
		}
	}
}

// A large one forgets nothing before half as many others were used, and holds no more than it may.
func TestRecentIsAboutExactWhenLarge(t *testing.T) {
	const most = 2 * exactRecent
	r, random := newRecent[int, int](most), rand.New(rand.NewPCG(1, 2))
	var uses []int // the last at the end
	for range 30 * most {
		key := int(random.ExpFloat64() * most / 2)
		if r.get(key) == nil {
			r.add(key, &key)
		}
		uses = append(uses, key)
		if len(r.byUse) > most {
			t.Fatalf("holds %d", len(r.byUse))
		}
	}
	others := make(map[int]bool)
	for _, key := range slices.Backward(uses) {
		if others[key] = true; len(others) > most/2 {
			break
		}
		if r.get(key) == nil {
			t.Fatalf("%d is forgotten, and %d others were used after it", key, len(others)-1)
		}
	}
}

// Requests that are remembered write nothing that others read.
func TestRecentIsOnlyReadByUsesOfWhatIsNew(t *testing.T) {
	const most = 2 * exactRecent
	r := newRecent[int, int](most)
	for key := range most {
		r.add(key, &key)
	}
	before := r.uses.Load()
	for range 3 {
		for key := most / 2; key < most; key++ {
			r.get(key)
		}
	}
	if noted := r.uses.Load() - before; noted > 0 {
		t.Errorf("%d uses were noted", noted)
	}
	if r.get(0); r.uses.Load() != before+1 {
		t.Error("the use of the oldest was not noted")
	}
}

func TestRecentDoesNotAllocateForAUse(t *testing.T) {
	r := newRecent[proofKey, proof](10)
	r.add(proofKey{1}, &proof{})
	if n := testing.AllocsPerRun(100, func() { r.get(proofKey{1}) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Readers get the value of their key or none, whatever is changed meanwhile, and the change comes to an end.
func TestRecentIsReadWhileItChanges(t *testing.T) {
	const most, keys = 50, 100
	r := newRecent[int, int](most)
	var readers sync.WaitGroup
	defer readers.Wait()
	stop := make(chan struct{})
	defer close(stop)
	for first := range 4 {
		readers.Go(func() {
			for key := first; ; key = (key + 1) % keys {
				select {
				case <-stop:
					return
				default:
				}
				if value := r.get(key); value != nil && *value != key {
					t.Errorf("the value of %d is %d", key, *value)
				}
			}
		})
	}
	for i := range 20_000 {
		key := i * 7 % keys
		switch i % 1000 {
		case 0:
			r.clear()
		case 1:
			r.drop(key)
		default:
			r.add(key, &key)
		}
		if len(r.byUse) > most {
			t.Fatalf("holds %d", len(r.byUse))
		}
	}
}
