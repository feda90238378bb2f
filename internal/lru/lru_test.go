package lru

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

func TestTheLeastRecentlyUsedEntryIsEvicted(t *testing.T) {
	c := New[string, int](2)
	c.Add("a", 1)
	c.Add("b", 2)
	c.Get("a")
	c.Add("c", 3)
	if _, ok := c.Get("b"); ok {
		t.Error("b is still there, although it was used least recently")
	}
	for key, want := range map[string]int{"a": 1, "c": 3} {
		if got, ok := c.Get(key); !ok || got != want {
			t.Errorf("%s is %d, %v; want %d", key, got, ok, want)
		}
	}
}

func TestRemoveLooksAtTheValue(t *testing.T) {
	c := New[string, int](2)
	c.Add("a", 1)
	c.Remove("a", func(v int) bool { return v == 2 })
	if _, ok := c.Get("a"); !ok {
		t.Error("an entry whose value does not meet the condition was removed")
	}
	c.Remove("a", func(v int) bool { return v == 1 })
	if _, ok := c.Get("a"); ok || len(c.entries) != 0 {
		t.Error("an entry whose value meets the condition was not removed")
	}
}

// The cache agrees with a slice that is kept in the order of use.
func TestAgreesWithAModel(t *testing.T) {
	const size, keys = 8, 16
	c := New[int, int](size)
	var model [][2]int // key and value, the most recently used last
	find := func(key int) int {
		return slices.IndexFunc(model, func(e [2]int) bool { return e[0] == key })
	}
	for step := range 20_000 {
		key := rand.IntN(keys)
		i := find(key)
		switch rand.IntN(4) {
		case 0:
			value, ok := c.Get(key)
			if ok != (i >= 0) || ok && value != model[i][1] {
				t.Fatalf("step %d: get %d: %d, %v, with %v", step, key, value, ok, model)
			}
			if ok {
				model = append(slices.Delete(model, i, i+1), [2]int{key, value})
			}
		case 1:
			c.Remove(key, func(int) bool { return true })
			if i >= 0 {
				model = slices.Delete(model, i, i+1)
			}
		default:
			before := 0
			if i >= 0 {
				before = model[i][1]
				model = slices.Delete(model, i, i+1)
			} else if len(model) == size {
				model = slices.Delete(model, 0, 1)
			}
			model = append(model, [2]int{key, before + 1})
			if got := c.Update(key, func(v int) int { return v + 1 }); got != before+1 {
				t.Fatalf("step %d: update %d: %d, want %d", step, key, got, before+1)
			}
		}
		if len(c.entries) != len(model) {
			t.Fatalf("step %d: %d entries, want %d", step, len(c.entries), len(model))
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	c := New[int, int](4)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				c.Update(i%3, func(v int) int { return v + 1 })
			}
		})
	}
	wg.Wait()
	total := 0
	for i := range 3 {
		value, _ := c.Get(i)
		total += value
	}
	if total != 8000 {
		t.Errorf("%d updates are counted, want 8000: some were lost", total)
	}
}
