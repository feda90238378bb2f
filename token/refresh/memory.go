package refresh

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// NewMemoryStore returns a store in memory. It loses its records when the process ends; clients
// then have to log in again. It removes expired records as new ones are added.
func NewMemoryStore() Store {
	return &memoryStore{
		records: make(map[hash]*Record),
		owned:   make(map[owner][]hash),
		sweepAt: minSweep,
	}
}

// memoryStore replaces records and never changes them, so that List can read them without the lock.
type memoryStore struct {
	mu      sync.Mutex
	records map[hash]*Record
	owned   map[owner][]hash
	sweepAt int // the number of records at which Insert removes the expired ones
}

// An owner is the subject that the limit of Insert counts for.
type owner struct {
	name string
	kind authn.Kind
}

func ownerOf(r *Record) owner { return owner{r.Subject.Name, r.Subject.Kind} }

// minSweep is the number of records below which a sweep frees too little memory to matter.
const minSweep = 1024

func (m *memoryStore) Insert(_ context.Context, record Record, limit int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, present := m.records[record.Hash]; present {
		return nil
	}
	m.sweep(record.IssuedAt)
	owner := ownerOf(&record)
	for len(m.owned[owner]) >= max(1, limit) {
		m.remove(slices.MinFunc(m.owned[owner], func(a, b hash) int {
			return m.records[a].LastUsed.Compare(m.records[b].LastUsed)
		}))
	}
	m.records[record.Hash] = &record
	m.owned[owner] = append(m.owned[owner], record.Hash)
	return nil
}

// sweep removes the expired records whenever the number of records has doubled, so that it costs
// each Insert a constant on average.
func (m *memoryStore) sweep(now time.Time) {
	if len(m.records) < m.sweepAt {
		return
	}
	m.removeIf(func(r *Record) bool { return r.Expired(now) })
	m.sweepAt = max(minSweep, 2*len(m.records))
}

func (m *memoryStore) Use(
	_ context.Context, hash hash, service string, now, idleAt time.Time,
) (Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found, ok := m.records[hash]
	if !ok || found.Service != service || found.Expired(now) {
		return Record{}, ErrInvalid
	}
	used := *found
	if now.After(used.LastUsed) {
		used.LastUsed = now
	}
	if idleAt.After(used.IdleAt) {
		used.IdleAt = idleAt
	}
	m.records[hash] = &used
	return used, nil
}

func (m *memoryStore) Delete(_ context.Context, filter Filter) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.removeIf(filter.matches), nil
}

func (m *memoryStore) List(
	_ context.Context, filter Filter, now time.Time, after string, limit int,
) ([]Record, error) {
	found := m.find(func(r *Record) bool {
		return r.ID > after && filter.matches(r) && !r.Expired(now)
	})
	slices.SortFunc(found, func(a, b *Record) int { return strings.Compare(a.ID, b.ID) })
	var page []Record
	for _, r := range found[:min(limit, len(found))] {
		page = append(page, *r)
	}
	return page, nil
}

func (m *memoryStore) find(condition func(*Record) bool) (found []*Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if condition(r) {
			found = append(found, r)
		}
	}
	return found
}

func (m *memoryStore) removeIf(condition func(*Record) bool) (removed int) {
	for hash, r := range m.records {
		if condition(r) {
			m.remove(hash)
			removed++
		}
	}
	return removed
}

func (m *memoryStore) remove(gone hash) {
	owner := ownerOf(m.records[gone])
	delete(m.records, gone)
	left := slices.DeleteFunc(m.owned[owner], func(h hash) bool { return h == gone })
	if len(left) == 0 {
		delete(m.owned, owner)
		return
	}
	m.owned[owner] = left
}
