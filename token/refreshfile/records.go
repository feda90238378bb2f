package refreshfile

import (
	"cmp"
	"slices"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// records is what the file says, in memory. The Store's lock guards it.
type records struct {
	byFamily map[token.RefreshHash]token.RefreshRecord
	byOwner  map[owner][]token.RefreshHash // for the limit, in the order of insertion
	sweepAt  int                           // the number of records at which expired ones are looked for
}

type owner struct{ subject, kind, service string }

func ownerOf(r token.RefreshRecord) owner { return owner{r.Subject, r.SubjectKind, r.Service} }

// minSweep is the number of records below which a sweep is not worth its while.
const minSweep = 1024

func newRecords(list map[token.RefreshHash]token.RefreshRecord) *records {
	r := &records{
		byFamily: make(map[token.RefreshHash]token.RefreshRecord, len(list)),
		byOwner:  make(map[owner][]token.RefreshHash),
		sweepAt:  minSweep,
	}
	for family, record := range list {
		r.set(family, &record)
	}
	return r
}

// set puts a record in the place of the one of its family, or with nil removes that.
func (r *records) set(family token.RefreshHash, record *token.RefreshRecord) {
	old, known := r.byFamily[family]
	if known && (record == nil || ownerOf(old) != ownerOf(*record)) {
		r.remove(old)
		known = false
	}
	if record == nil {
		return
	}
	r.byFamily[family] = *record
	if !known {
		r.byOwner[ownerOf(*record)] = append(r.byOwner[ownerOf(*record)], family)
	}
}

func (r *records) remove(old token.RefreshRecord) {
	delete(r.byFamily, old.Family)
	owner := ownerOf(old)
	left := slices.DeleteFunc(r.byOwner[owner], func(f token.RefreshHash) bool { return f == old.Family })
	if len(left) == 0 {
		delete(r.byOwner, owner)
		return
	}
	r.byOwner[owner] = left
}

// surplus returns the records that are to make room for a new one: the least recently used.
func (r *records) surplus(added token.RefreshRecord, limit int) []token.RefreshRecord {
	owned := r.byOwner[ownerOf(added)]
	n := len(owned) - max(limit, 1) + 1
	if n <= 0 {
		return nil
	}
	list := make([]token.RefreshRecord, len(owned))
	for i, family := range owned {
		list[i] = r.byFamily[family]
	}
	slices.SortStableFunc(list, func(a, b token.RefreshRecord) int { return a.LastUsed.Compare(b.LastUsed) })
	return list[:n]
}

// swept returns the expired records whenever the number of all has doubled since the last time, so that there are never more than
// twice as many as live ones, or minSweep, and an insertion costs a constant on average.
func (r *records) swept(now time.Time) []token.RefreshRecord {
	if len(r.byFamily) < r.sweepAt {
		return nil
	}
	expired := r.list(func(record token.RefreshRecord) bool { return record.Expired(now) })
	r.sweepAt = max(minSweep, 2*(len(r.byFamily)-len(expired)))
	return expired
}

// list returns the records that match, in the order of issue.
func (r *records) list(match func(token.RefreshRecord) bool) []token.RefreshRecord {
	list := []token.RefreshRecord{}
	for _, record := range r.byFamily {
		if match(record) {
			list = append(list, record)
		}
	}
	slices.SortFunc(list, func(a, b token.RefreshRecord) int {
		return cmp.Or(a.IssuedAt.Compare(b.IssuedAt), cmp.Compare(a.ID, b.ID))
	})
	return list
}
