// Package lru has a bounded map that evicts the least recently used entry.
package lru

import (
	"container/list"
	"sync"
)

// A Cache is a map of bounded size. When it is full, adding an entry evicts the one that was not
// used for the longest time. It is safe for concurrent use. [New] makes one.
type Cache[K comparable, V any] struct {
	mu      sync.Mutex
	size    int
	entries map[K]*list.Element
	recent  list.List // of *entry[K, V]; the most recently used is in front
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// New returns an empty cache of at most size entries, and of one if size is less.
func New[K comparable, V any](size int) *Cache[K, V] {
	return &Cache[K, V]{size: max(1, size), entries: make(map[K]*list.Element)}
}

// Get returns the value of a key, which counts as a use.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.entries[key]
	if !ok {
		return value, false
	}
	c.recent.MoveToFront(found)
	return entryOf[K, V](found).value, true
}

// Update replaces the value of a key by what change makes of it, or of the zero value if there is
// none, and returns it. The cache is locked while change runs.
func (c *Cache[K, V]) Update(key K, change func(V) V) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.entries[key]; ok {
		c.recent.MoveToFront(found)
		e := entryOf[K, V](found)
		e.value = change(e.value)
		return e.value
	}
	if len(c.entries) >= c.size {
		c.remove(c.recent.Back())
	}
	var none V
	e := &entry[K, V]{key: key, value: change(none)}
	c.entries[key] = c.recent.PushFront(e)
	return e.value
}

// Add sets the value of a key.
func (c *Cache[K, V]) Add(key K, value V) {
	c.Update(key, func(V) V { return value })
}

// Remove removes a key if condition holds for its value.
func (c *Cache[K, V]) Remove(key K, condition func(V) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.entries[key]; ok && condition(entryOf[K, V](found).value) {
		c.remove(found)
	}
}

func (c *Cache[K, V]) remove(element *list.Element) {
	c.recent.Remove(element)
	delete(c.entries, entryOf[K, V](element).key)
}

func entryOf[K comparable, V any](element *list.Element) *entry[K, V] {
	//nolint:errcheck,forcetypeassert // the list holds nothing else
	return element.Value.(*entry[K, V])
}
