package token

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// NewRefreshMemory returns a store that keeps records in memory. They are gone when the process ends: clients then log
// in again. Expired records are removed in passing, so memory is bounded by what is alive.
func NewRefreshMemory() RefreshStore {
	return &refreshMemory{
		records: make(map[RefreshHash]RefreshRecord),
		owned:   make(map[refreshOwner][]RefreshHash),
		sweepAt: minSweep,
	}
}

// refreshMemory is a map under a lock, which makes every method atomic.
type refreshMemory struct {
	mu      sync.Mutex
	records map[RefreshHash]RefreshRecord  // by family
	owned   map[refreshOwner][]RefreshHash // for the bound per subject, in the order of insertion
	sweepAt int                            // the number of records at which expired ones are looked for
}

var _ RefreshStore = (*refreshMemory)(nil)

type refreshOwner struct{ subject, kind, service string }

func ownerOf(r RefreshRecord) refreshOwner { return refreshOwner{r.Subject, r.SubjectKind, r.Service} }

// minSweep is the number of records below which a sweep is not worth its while.
const minSweep = 1024

func (m *refreshMemory) Insert(_ context.Context, record RefreshRecord, limit int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(record.IssuedAt)
	owner := ownerOf(record)
	for len(m.owned[owner]) >= limit && len(m.owned[owner]) > 0 {
		m.remove(m.leastRecentlyUsed(owner))
	}
	m.records[record.Family] = record
	m.owned[owner] = append(m.owned[owner], record.Family)
	return nil
}

func (m *refreshMemory) Use(_ context.Context, use RefreshUse) (RefreshRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	record, known := m.records[use.Family]
	if !known {
		return RefreshRecord{}, ErrRefreshInvalid
	}
	used, err := use.Apply(record)
	if errors.Is(err, ErrRefreshReused) {
		m.remove(record)
		return record, err
	}
	if err != nil {
		return RefreshRecord{}, err
	}
	m.records[use.Family] = used
	return used, nil
}

func (m *refreshMemory) Delete(_ context.Context, filter RefreshFilter) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.removeIf(filter.Match), nil
}

func (m *refreshMemory) List(_ context.Context, filter RefreshFilter, now time.Time) ([]RefreshRecord, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []RefreshRecord
	for _, record := range m.records {
		if filter.Match(record) && !record.Expired(now) {
			list = append(list, record)
		}
	}
	slices.SortFunc(list, func(a, b RefreshRecord) int {
		return cmp.Or(a.IssuedAt.Compare(b.IssuedAt), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// sweep removes the expired records whenever their number has doubled since the last time. So an insertion costs a
// constant on average, and there are never more than twice as many records as live ones, or minSweep.
func (m *refreshMemory) sweep(now time.Time) {
	if len(m.records) < m.sweepAt {
		return
	}
	m.removeIf(func(r RefreshRecord) bool { return r.Expired(now) })
	m.sweepAt = max(minSweep, 2*len(m.records))
}

func (m *refreshMemory) leastRecentlyUsed(owner refreshOwner) RefreshRecord {
	oldest := slices.MinFunc(m.owned[owner], func(a, b RefreshHash) int {
		return m.records[a].LastUsed.Compare(m.records[b].LastUsed)
	})
	return m.records[oldest]
}

func (m *refreshMemory) removeIf(condition func(RefreshRecord) bool) (removed int) {
	for _, record := range m.records {
		if condition(record) {
			m.remove(record)
			removed++
		}
	}
	return removed
}

func (m *refreshMemory) remove(record RefreshRecord) {
	delete(m.records, record.Family)
	owner := ownerOf(record)
	left := slices.DeleteFunc(m.owned[owner], func(h RefreshHash) bool { return h == record.Family })
	if len(left) == 0 {
		delete(m.owned, owner)
		return
	}
	m.owned[owner] = left
}
