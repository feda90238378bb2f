package token

import "testing"

// With a generator that is seeded, short of bits or shared without a lock, some of a million ids are equal; of random 128 bits, none.
func TestAMillionTokenIDsAreUnique(t *testing.T) {
	const many = 1_000_000
	seen := make(map[string]struct{}, many)
	for range many {
		id := newTokenID()
		seen[id] = struct{}{}
		if len(id) != 22 {
			t.Fatalf("the id %q has not 128 bits", id)
		}
	}
	if len(seen) != many {
		t.Errorf("%d of %d ids are different", len(seen), many)
	}
}
