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
// then have to log in again. Insert deletes expired records from time to time.
func NewMemoryStore() Store {
	return &memoryStore{records: make(map[hash]*Record), owned: make(map[owner][]hash)}
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
	name  string
	kind  authn.Kind
	stamp string
}

func ownerOf(r *Record) owner { return owner{r.Subject.Name, r.Subject.Kind, r.Subject.Stamp} }

func (m *memoryStore) Insert(_ context.Context, record Record, limit int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, present := m.records[record.Hash]; present {
		return nil
	}
	if len(m.records) >= max(1024, m.sweepAt) {
		m.remove(m.find(func(r *Record) bool { return r.Expired(record.IssuedAt) })...)
		m.sweepAt = 2 * len(m.records) // so that sweeps cost each Insert a constant on average
	}
	owner := ownerOf(&record)
	for len(m.owned[owner]) >= max(1, limit) {
		m.remove(m.records[slices.MinFunc(m.owned[owner], func(a, b hash) int {
			return m.records[a].LastUsed.Compare(m.records[b].LastUsed)
		})])
	}
	m.records[record.Hash] = &record
	m.owned[owner] = append(m.owned[owner], record.Hash)
	return nil
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
	used.LastUsed = slices.MaxFunc([]time.Time{used.LastUsed, now}, time.Time.Compare)
	used.IdleAt = slices.MaxFunc([]time.Time{used.IdleAt, idleAt}, time.Time.Compare)
	m.records[hash] = &used
	return used, nil
}

func (m *memoryStore) Delete(_ context.Context, filter Filter) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := m.find(filter.matches)
	m.remove(found...)
	return len(found), nil
}

func (m *memoryStore) List(
	_ context.Context, filter Filter, now time.Time, after string, limit int,
) ([]Record, error) {
	m.mu.Lock()
	found := m.find(func(r *Record) bool {
		return r.ID > after && filter.matches(r) && !r.Expired(now)
	})
	m.mu.Unlock()
	slices.SortFunc(found, func(a, b *Record) int { return strings.Compare(a.ID, b.ID) })
	var page []Record
	for _, r := range found[:min(limit, len(found))] {
		page = append(page, *r)
	}
	return page, nil
}

func (m *memoryStore) find(condition func(*Record) bool) (found []*Record) {
	for _, r := range m.records {
		if condition(r) {
			found = append(found, r)
		}
	}
	return found
}

func (m *memoryStore) remove(records ...*Record) {
	for _, r := range records {
		delete(m.records, r.Hash)
		owner := ownerOf(r)
		i := slices.Index(m.owned[owner], r.Hash)
		m.owned[owner] = slices.Delete(m.owned[owner], i, i+1)
		if len(m.owned[owner]) == 0 {
			delete(m.owned, owner)
		}
	}
}
