package authn

import "container/list"

// An lru is a bounded map that forgets what was not added or got for the longest time. It is not safe for concurrent use.
type lru[K comparable, V any] struct {
	most  int
	byKey map[K]*list.Element
	byUse *list.List // of *lruEntry; the one used last is in front
}

type lruEntry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](most int) *lru[K, V] {
	return &lru[K, V]{most: max(1, most), byKey: make(map[K]*list.Element), byUse: list.New()}
}

// get returns the value of the key, to be read and changed in place, or nil.
func (l *lru[K, V]) get(key K) *V {
	element, ok := l.byKey[key]
	if !ok {
		return nil
	}
	l.byUse.MoveToFront(element)
	return &l.entry(element).value
}

// add makes the zero value of a key that has none, and returns it.
func (l *lru[K, V]) add(key K) *V {
	if l.byUse.Len() >= l.most {
		l.drop(l.entry(l.byUse.Back()).key)
	}
	entry := &lruEntry[K, V]{key: key}
	l.byKey[key] = l.byUse.PushFront(entry)
	return &entry.value
}

func (l *lru[K, V]) set(key K, value V) {
	known := l.get(key)
	if known == nil {
		known = l.add(key)
	}
	*known = value
}

func (l *lru[K, V]) drop(key K) {
	if element, ok := l.byKey[key]; ok {
		delete(l.byKey, key)
		l.byUse.Remove(element)
	}
}

func (*lru[K, V]) entry(element *list.Element) *lruEntry[K, V] {
	return element.Value.(*lruEntry[K, V]) //nolint:errcheck,forcetypeassert // the list holds nothing else
}
