// Package storetest checks that a [refresh.Store] keeps its contract. Run it with -race.
package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token/refresh"
)

// Run runs the suite. newStore must return a new, empty store on each call; clean up in t.Cleanup.
func Run(t *testing.T, newStore func(t *testing.T) refresh.Store) {
	for name, test := range map[string]func(suite){
		"a record comes back as it was inserted":                   suite.roundTrip,
		"only the token itself is valid, and only for its service": suite.unknown,
		"a token ends in time, and times never go back":            suite.ends,
		"inserting a record again changes nothing":                 suite.insertAgain,
		"the least recently used record of a subject is evicted":   suite.limit,
		"delete removes the records that match":                    suite.delete,
		"a list has pages ordered by ID, without expired records":  suite.pages,
		"concurrent uses of one token succeed":                     suite.concurrentUse,
		"no use succeeds after a delete":                           suite.deleteRacesUse,
		"concurrent inserts keep the limit":                        suite.concurrentInsert,
	} {
		t.Run(name, func(t *testing.T) { test(suite{t, newStore(t)}) })
	}
}

const (
	day       = 24 * time.Hour
	idle      = 30 * day
	maxLag    = time.Minute // how late a store may record a use
	noLimit   = 1000
	registry  = "registry.example.com"
	elsewhere = "other.example.com"
	robot     = authn.KindServiceAccount
)

func start() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 123_457_000, time.UTC) }

// record returns the n-th record of alice, issued n minutes after the start.
func record(n int) refresh.Record { return recordOf(n, "alice", authn.KindUser, registry) }

func recordOf(n int, name string, kind authn.Kind, service string) refresh.Record {
	id, issued := strconv.Itoa(n), start().Add(time.Duration(n)*time.Minute)
	return refresh.Record{
		ID: id, Hash: sha256.Sum256([]byte(id)), Service: service, ClientID: "docker",
		Subject:  authn.Subject{Name: name, Kind: kind, Stamp: "stamp"},
		IssuedAt: issued, ExpiresAt: issued.Add(6 * idle),
		LastUsed: issued, IdleAt: issued.Add(idle),
	}
}

type suite struct {
	*testing.T
	store refresh.Store
}

func (s suite) insert(limit int, records ...refresh.Record) {
	s.Helper()
	for _, r := range records {
		if err := s.store.Insert(s.Context(), r, limit); err != nil {
			s.Errorf("insert %s: %v", r.ID, err)
		}
	}
}

// use expects the error, or the record with the time of this use or of a later one.
func (s suite) use(r refresh.Record, now time.Time, want error) {
	s.Helper()
	used, err := s.store.Use(s.Context(), r.Hash, r.Service, now, now.Add(idle))
	if !errors.Is(err, want) || err != nil && used.ID != "" {
		s.Errorf("use %s at %v: record %q, error %v, want %v", r.ID, now, used.ID, err, want)
	} else if err == nil {
		s.same(used, r, now)
	}
}

// stored expects that the record is in the store and was last used at that time.
func (s suite) stored(r refresh.Record, used time.Time) {
	s.Helper()
	for _, stored := range s.list(refresh.Filter{ID: r.ID}, "", noLimit, r.ID) {
		s.same(stored, r, used)
		if stored.LastUsed.After(used) || stored.IdleAt.After(used.Add(idle)) {
			s.Errorf("record %s was used at %v, want %v", r.ID, stored.LastUsed, used)
		}
	}
}

func (s suite) same(got, want refresh.Record, used time.Time) {
	s.Helper()
	lag := time.Duration(0)
	if used.After(want.LastUsed) {
		want.LastUsed, want.IdleAt, lag = used, used.Add(idle), maxLag
	}
	text := func(r refresh.Record) string {
		return fmt.Sprintln(r.ID, r.Hash, r.Subject.Name, r.Subject.Kind, r.Subject.Stamp,
			r.Subject.Limit, r.Service, r.ClientID, r.IssuedAt.UTC(), r.ExpiresAt.UTC())
	}
	if text(got) != text(want) || want.LastUsed.Sub(got.LastUsed) > lag ||
		want.IdleAt.Sub(got.IdleAt) > lag {
		s.Errorf("record %+v\n%swant %+v\n%s", got, text(got), want, text(want))
	}
}

// list expects a page of records with these IDs, separated by spaces.
func (s suite) list(filter refresh.Filter, after string, limit int, want string) []refresh.Record {
	s.Helper()
	page, err := s.store.List(s.Context(), filter, start(), after, limit)
	var ids []string
	for _, r := range page {
		ids = append(ids, r.ID)
	}
	if got := strings.Join(ids, " "); got != want || err != nil {
		s.Errorf("listed %q, error %v, want %q", got, err, want)
	}
	return page
}

func (s suite) all(want string) {
	s.Helper()
	s.list(refresh.Filter{All: true}, "", noLimit, want)
}

// remove expects that the filter removes so many records, and leaves those with these IDs.
func (s suite) remove(filter refresh.Filter, want int, left string) {
	s.Helper()
	if n, err := s.store.Delete(s.Context(), filter); n != want || err != nil {
		s.Errorf("delete %+v: %d records, error %v, want %d", filter, n, err, want)
	}
	s.all(left)
}

func (s suite) roundTrip() {
	scopes := []scope.Scope{{Type: "repository", Name: "a/*", Actions: []string{"pull", "push"}}}
	for n, subject := range []authn.Subject{
		{Name: "alice", Stamp: "stamp"},
		{Name: "alice", Kind: robot, Stamp: "stamp", Limit: &authn.Limit{}},
		{Name: "Zoë O'Neil_%\\\" ", Stamp: "\t", Limit: &authn.Limit{Scopes: scopes}},
	} {
		r := record(n)
		r.Subject, r.ClientID = subject, subject.Name
		s.insert(noLimit, r)
		s.stored(r, r.LastUsed)
		s.use(r, start().Add(day), nil)
		s.stored(r, start().Add(day))
	}
}

func (s suite) unknown() {
	r, later := record(1), start().Add(day)
	s.insert(noLimit, r)
	s.use(record(2), later, refresh.ErrInvalid)
	s.use(recordOf(1, "alice", 0, elsewhere), later, refresh.ErrInvalid)
	s.use(recordOf(1, "alice", 0, "REGISTRY.example.com"), later, refresh.ErrInvalid)
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	_, err := s.store.Use(ctx, r.Hash, registry, r.LastUsed, r.IdleAt)
	if err != nil && !errors.Is(err, context.Canceled) {
		s.Errorf("use with a cancelled context: error %v", err)
	}
	s.stored(r, r.LastUsed)
}

func (s suite) ends() {
	old, unused, used := record(0), record(1), record(2)
	old.IdleAt = old.ExpiresAt.Add(day)
	s.insert(noLimit, old, unused, used)
	s.use(old, start().Add(day), nil) // sets LastUsed, but not IdleAt, which is later already
	s.use(old, old.ExpiresAt, refresh.ErrInvalid)
	s.use(old, old.ExpiresAt.Add(-time.Microsecond), nil)
	s.use(unused, unused.IdleAt, refresh.ErrInvalid)
	s.use(unused, unused.IdleAt.Add(-time.Microsecond), nil)
	s.use(used, start().Add(idle-day), nil)
	s.use(used, start().Add(2*idle-3*day), nil)
	s.use(used, start().Add(-3650*day), nil)
	s.stored(used, start().Add(2*idle-3*day))
}

func (s suite) insertAgain() {
	s.insert(2, record(0), record(1))
	s.use(record(0), start().Add(day), nil)
	s.insert(2, record(0))
	s.all("0 1")
	s.stored(record(0), start().Add(day))
	s.insert(2, record(2), record(2))
	s.all("0 2")
}

func (s suite) limit() {
	s.insert(3, record(0), record(1), record(2))
	s.use(record(0), start().Add(time.Hour), nil)
	s.insert(3, record(3))
	s.all("0 2 3")
	s.use(record(1), start().Add(time.Hour), refresh.ErrInvalid)
	s.insert(1, record(6), record(5)) // record 5 is older than the one that it replaces
	s.all("5")
	s.insert(1, recordOf(6, "alice", robot, registry), recordOf(7, "Alice", 0, registry))
	s.all("5 6 7")
	s.insert(1, recordOf(8, "alice", 0, elsewhere))
	s.all("6 7 8")
	other := record(9)
	other.Subject.Stamp = "another credential"
	s.insert(1, other)
	s.all("6 7 8 9")
}

func (s suite) delete() {
	user, kind := authn.KindUser, robot
	s.insert(noLimit, record(0), record(1), recordOf(2, "alice", robot, registry),
		recordOf(3, "bob", 0, registry), recordOf(4, "alice", 0, elsewhere))
	s.remove(refresh.Filter{}, 0, "0 1 2 3 4")
	s.remove(refresh.Filter{Kind: &user}, 0, "0 1 2 3 4")
	s.remove(refresh.Filter{Subject: "ALICE"}, 0, "0 1 2 3 4")
	s.remove(refresh.Filter{Subject: "a%"}, 0, "0 1 2 3 4")
	s.remove(refresh.Filter{ID: "0"}, 1, "1 2 3 4")
	s.remove(refresh.Filter{Subject: "alice", Kind: &kind}, 1, "1 3 4")
	s.remove(refresh.Filter{Subject: "alice", Service: registry}, 1, "3 4")
	s.remove(refresh.Filter{All: true, Service: elsewhere}, 1, "3")
	s.remove(refresh.Filter{All: true}, 1, "")
	s.use(record(1), start().Add(time.Hour), refresh.ErrInvalid)
}

func (s suite) pages() {
	expired, alice := record(2), refresh.Filter{Subject: "alice"}
	expired.IdleAt = start()
	s.insert(noLimit, record(5), record(1), expired, recordOf(3, "bob", 0, registry), record(4))
	s.list(alice, "", 2, "1 4")
	s.list(alice, "1", 2, "4 5")
	s.list(alice, "3", 1, "4")
	s.list(refresh.Filter{}, "", noLimit, "")
	s.all("1 3 4 5")
}

// parallel waits for n concurrent calls of f.
func parallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func (s suite) concurrentUse() {
	r := record(0)
	s.insert(noLimit, r)
	for round := range 100 {
		at := func(i int) time.Time { return start().Add(time.Duration(100*round+i) * 10 * maxLag) }
		parallel(100, func(i int) { s.use(r, at(i), nil) })
		s.stored(r, at(99))
	}
}

// deleteRacesUse looks for uses that succeed after the delete, or that restore the record.
func (s suite) deleteRacesUse() {
	for round := range 200 {
		r, now := record(round), start().Add(day)
		s.insert(noLimit, r)
		var deleted atomic.Bool
		parallel(9, func(i int) {
			if i == 0 {
				s.remove(refresh.Filter{ID: r.ID}, 1, "")
				deleted.Store(true)
			}
			for !deleted.Load() {
				_, err := s.store.Use(s.Context(), r.Hash, registry, now, now.Add(idle))
				if err != nil && !errors.Is(err, refresh.ErrInvalid) {
					s.Errorf("use: %v", err)
				}
				runtime.Gosched()
			}
			s.use(r, now, refresh.ErrInvalid)
		})
		s.all("")
	}
}

func (s suite) concurrentInsert() {
	for range 10 {
		parallel(100, func(i int) { s.insert(10, record(i)) })
		s.remove(refresh.Filter{All: true}, 10, "")
	}
}
