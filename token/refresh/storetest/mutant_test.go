package storetest_test

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token/refresh"
	"github.com/berthpass/registry-auth/token/refresh/storetest"
)

// A mutant is a memory store with a mistake.
type mutant struct {
	refresh.Store

	insert func(ctx context.Context, record refresh.Record, limit int) error
	use    useFunc
	remove func(ctx context.Context, filter refresh.Filter) (int, error)
	list   listFunc
}

type useFunc = func(
	ctx context.Context, hash [32]byte, service string, now, idleAt time.Time,
) (refresh.Record, error)

type listFunc = func(
	ctx context.Context, filter refresh.Filter, now time.Time, after string, limit int,
) ([]refresh.Record, error)

func (m *mutant) Insert(ctx context.Context, record refresh.Record, limit int) error {
	if m.insert != nil {
		return m.insert(ctx, record, limit)
	}
	return m.Store.Insert(ctx, record, limit)
}

func (m *mutant) Use(
	ctx context.Context, hash [32]byte, service string, now, idleAt time.Time,
) (refresh.Record, error) {
	if m.use != nil {
		return m.use(ctx, hash, service, now, idleAt)
	}
	return m.Store.Use(ctx, hash, service, now, idleAt)
}

func (m *mutant) Delete(ctx context.Context, filter refresh.Filter) (int, error) {
	if m.remove != nil {
		return m.remove(ctx, filter)
	}
	return m.Store.Delete(ctx, filter)
}

func (m *mutant) List(
	ctx context.Context, filter refresh.Filter, now time.Time, after string, limit int,
) ([]refresh.Record, error) {
	if m.list != nil {
		return m.list(ctx, filter, now, after, limit)
	}
	return m.Store.List(ctx, filter, now, after, limit)
}

// find returns the records that match, expired ones included.
func (m *mutant) find(ctx context.Context, filter refresh.Filter) []refresh.Record {
	list, _ := m.Store.List(ctx, filter, time.Time{}, "", 1000)
	return list
}

// replace stores the record in place of the one with its ID.
func (m *mutant) replace(ctx context.Context, r refresh.Record) {
	_, _ = m.Store.Delete(ctx, refresh.Filter{ID: r.ID})
	_ = m.Store.Insert(ctx, r, 1000)
}

// The tests that the mutants fail.
const (
	roundTrip   = "a record comes back as it was inserted"
	unknown     = "only the token itself is valid, and only for its service"
	ends        = "a token ends in time, and times never go back"
	insertAgain = "inserting a record again changes nothing"
	limits      = "the least recently used record of a subject is evicted"
	deletes     = "delete removes the records that match"
	pages       = "a list has pages ordered by ID, without expired records"
	uses        = "concurrent uses of one token succeed"
	deleteRaces = "no use succeeds after a delete"
	insertRaces = "concurrent inserts keep the limit"
)

// change returns a mutant that stores changed records.
func change(f func(r *refresh.Record)) func(*mutant) {
	return func(m *mutant) {
		m.insert = func(ctx context.Context, r refresh.Record, limit int) error {
			f(&r)
			return m.Store.Insert(ctx, r, limit)
		}
	}
}

// evict returns a mutant that makes room by evicting the first of the records that the filter
// selects, in the given order.
func evict(
	filter func(r refresh.Record) refresh.Filter, order func(a, b refresh.Record) int,
) func(*mutant) {
	return func(m *mutant) {
		m.insert = func(ctx context.Context, r refresh.Record, limit int) error {
			list := slices.SortedFunc(slices.Values(m.find(ctx, filter(r))), order)
			runtime.Gosched()
			for ; len(list) >= limit; list = list[1:] {
				_, _ = m.Store.Delete(ctx, refresh.Filter{ID: list[0].ID})
			}
			return m.Store.Insert(ctx, r, 1000)
		}
	}
}

func bySubject(r refresh.Record) refresh.Filter {
	return refresh.Filter{Subject: r.Subject.Name, Kind: &r.Subject.Kind}
}

func byName(r refresh.Record) refresh.Filter { return refresh.Filter{Subject: r.Subject.Name} }

func byService(r refresh.Record) refresh.Filter {
	return refresh.Filter{Subject: r.Subject.Name, Kind: &r.Subject.Kind, Service: r.Service}
}

func leastRecentlyUsed(a, b refresh.Record) int { return a.LastUsed.Compare(b.LastUsed) }

func mostRecentlyUsed(a, b refresh.Record) int { return b.LastUsed.Compare(a.LastUsed) }

func oldest(a, b refresh.Record) int { return a.IssuedAt.Compare(b.IssuedAt) }

type broken struct {
	name  string
	fails string
	apply func(m *mutant)
}

func mutantsOfRecords() []broken {
	return []broken{
		{"forgets the limit", roundTrip, change(func(r *refresh.Record) { r.Subject.Limit = nil })},
		{"takes an empty limit for none", roundTrip, change(func(r *refresh.Record) {
			if r.Subject.Limit != nil && len(r.Subject.Limit.Scopes) == 0 {
				r.Subject.Limit = nil
			}
		})},
		{"takes no limit for an empty one", roundTrip, change(func(r *refresh.Record) {
			if r.Subject.Limit == nil {
				r.Subject.Limit = &authn.Limit{}
			}
		})},
		{"forgets the stamp", roundTrip, change(func(r *refresh.Record) { r.Subject.Stamp = "" })},
		{"forgets the kind", roundTrip, change(func(r *refresh.Record) { r.Subject.Kind = 0 })},
		{"forgets the client", roundTrip, change(func(r *refresh.Record) { r.ClientID = "" })},
		{"trims names", roundTrip, change(func(r *refresh.Record) {
			r.Subject.Name = strings.TrimSpace(r.Subject.Name)
		})},
		{"keeps milliseconds", roundTrip, change(func(r *refresh.Record) {
			r.IssuedAt = r.IssuedAt.Truncate(time.Millisecond)
		})},
		{"rounds the idle end", roundTrip, change(func(r *refresh.Record) {
			r.IdleAt = r.IdleAt.Truncate(10 * time.Microsecond)
		})},
		{"evicts the oldest", limits, evict(bySubject, oldest)},
		{"evicts the most recently used", limits, evict(bySubject, mostRecentlyUsed)},
		{"counts each service", limits, evict(byService, leastRecentlyUsed)},
		{"counts all kinds", limits, evict(byName, leastRecentlyUsed)},
		{"has no limit", limits, func(m *mutant) {
			m.insert = func(ctx context.Context, r refresh.Record, _ int) error {
				return m.Store.Insert(ctx, r, 1000)
			}
		}},
		{"counts before it inserts", insertRaces, evict(bySubject, leastRecentlyUsed)},
		{"evicts again for a repeated insert", insertAgain, evict(bySubject, leastRecentlyUsed)},
		{"overwrites at a repeated insert", insertAgain, func(m *mutant) {
			m.insert = func(ctx context.Context, r refresh.Record, limit int) error {
				_, _ = m.Store.Delete(ctx, refresh.Filter{ID: r.ID})
				return m.Store.Insert(ctx, r, limit)
			}
		}},
	}
}

// rewrite returns a mutant that replaces a record by what f makes of it at each use.
func rewrite(f func(r *refresh.Record, now, idleAt time.Time)) func(*mutant) {
	return func(m *mutant) {
		m.use = func(
			ctx context.Context, hash [32]byte, service string, now, idleAt time.Time,
		) (refresh.Record, error) {
			before, err := m.Store.Use(ctx, hash, service, now, time.Time{})
			if err != nil {
				return refresh.Record{}, err
			}
			f(&before, now, idleAt)
			runtime.Gosched()
			m.replace(ctx, before)
			return before, nil
		}
	}
}

func mutantsOfUse() []broken {
	anyService := func(m *mutant) {
		m.use = func(
			ctx context.Context, hash [32]byte, _ string, now, idleAt time.Time,
		) (refresh.Record, error) {
			for _, r := range m.find(ctx, refresh.Filter{All: true}) {
				if r.Hash == hash {
					return m.Store.Use(ctx, hash, r.Service, now, idleAt)
				}
			}
			return refresh.Record{}, refresh.ErrInvalid
		}
	}
	shift := func(d time.Duration) func(*mutant) {
		return func(m *mutant) {
			m.use = func(
				ctx context.Context, hash [32]byte, service string, now, idleAt time.Time,
			) (refresh.Record, error) {
				return m.Store.Use(ctx, hash, service, now.Add(d), idleAt)
			}
		}
	}
	advance := func(r *refresh.Record, now, idleAt time.Time) {
		if now.After(r.LastUsed) {
			r.LastUsed = now
		}
		if idleAt.After(r.IdleAt) {
			r.IdleAt = idleAt
		}
	}
	return []broken{
		{"accepts any service", unknown, anyService},
		{"accepts a token a microsecond late", ends, shift(-time.Microsecond)},
		{"refuses a token a microsecond early", ends, shift(time.Microsecond)},
		{"records uses two minutes late", roundTrip, shift(-2 * time.Minute)},
		{"sets the times back", ends, rewrite(func(r *refresh.Record, now, idleAt time.Time) {
			r.LastUsed, r.IdleAt = now, idleAt
		})},
		{"sets back the idle end alone", ends, rewrite(
			func(r *refresh.Record, now, idleAt time.Time) {
				if r.LastUsed.Equal(now) {
					r.IdleAt = idleAt
				}
			})},
		{"does not postpone the idle end", ends, rewrite(
			func(*refresh.Record, time.Time, time.Time) {})},
		{"is not atomic", uses, rewrite(advance)},
		{"restores deleted records", deleteRaces, rewrite(advance)},
		{"takes its own failure for a refusal", unknown, func(m *mutant) {
			m.use = func(
				ctx context.Context, hash [32]byte, service string, now, idleAt time.Time,
			) (refresh.Record, error) {
				if ctx.Err() != nil {
					return refresh.Record{}, refresh.ErrInvalid
				}
				return m.Store.Use(ctx, hash, service, now, idleAt)
			}
		}},
	}
}

func mutantsOfFilters() []broken {
	filtered := func(f func(filter refresh.Filter) refresh.Filter) func(*mutant) {
		return func(m *mutant) {
			m.remove = func(ctx context.Context, filter refresh.Filter) (int, error) {
				return m.Store.Delete(ctx, f(filter))
			}
		}
	}
	listed := func(f func(m *mutant, list []refresh.Record) []refresh.Record) func(*mutant) {
		return func(m *mutant) {
			m.list = func(
				ctx context.Context, filter refresh.Filter, now time.Time, after string, limit int,
			) ([]refresh.Record, error) {
				list, err := m.Store.List(ctx, filter, now, after, limit)
				return f(m, list), err
			}
		}
	}
	loses := func(m *mutant) {
		m.remove = func(ctx context.Context, filter refresh.Filter) (int, error) {
			return len(m.find(ctx, filter)), nil
		}
	}
	return []broken{
		{"loses deletes", deletes, loses},
		{"loses deletes of a used token", deleteRaces, loses},
		{"folds names", deletes, filtered(func(f refresh.Filter) refresh.Filter {
			f.Subject = strings.ToLower(f.Subject)
			return f
		})},
		{"ignores the kind", deletes, filtered(func(f refresh.Filter) refresh.Filter {
			f.Kind = nil
			return f
		})},
		{"ignores the service", deletes, filtered(func(f refresh.Filter) refresh.Filter {
			f.Service = ""
			return f
		})},
		{"deletes everything by an empty filter", deletes, filtered(
			func(f refresh.Filter) refresh.Filter {
				f.All = f.All || f.Empty()
				return f
			})},
		{"lists backwards", pages, listed(func(_ *mutant, list []refresh.Record) []refresh.Record {
			slices.Reverse(list)
			return list
		})},
		{"lists expired records", pages, func(m *mutant) {
			m.list = func(
				ctx context.Context, filter refresh.Filter, _ time.Time, after string, limit int,
			) ([]refresh.Record, error) {
				return m.Store.List(ctx, filter, time.Time{}, after, limit)
			}
		}},
		{"has no pages", pages, func(m *mutant) {
			m.list = func(
				ctx context.Context, filter refresh.Filter, now time.Time, _ string, limit int,
			) ([]refresh.Record, error) {
				return m.Store.List(ctx, filter, now, "", limit)
			}
		}},
		{"ignores the limit of a page", pages, func(m *mutant) {
			m.list = func(
				ctx context.Context, filter refresh.Filter, now time.Time, after string, _ int,
			) ([]refresh.Record, error) {
				return m.Store.List(ctx, filter, now, after, 1000)
			}
		}},
	}
}

const mutantVariable = "STORETEST_MUTANT"

// TestBrokenStoresFail runs the suite for each mutant in a process of its own, where it must fail.
func TestBrokenStoresFail(t *testing.T) {
	all := slices.Concat(mutantsOfRecords(), mutantsOfUse(), mutantsOfFilters())
	if name := os.Getenv(mutantVariable); name != "" {
		i := slices.IndexFunc(all, func(b broken) bool { return b.name == name })
		storetest.Run(t, func(*testing.T) refresh.Store {
			m := &mutant{Store: refresh.NewMemoryStore()}
			all[i].apply(m)
			return m
		})
		return
	}
	for _, b := range all {
		t.Run(b.name, func(t *testing.T) {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			test := strings.ReplaceAll(b.fails, " ", "_")
			run := "-test.run=^TestBrokenStoresFail$/^" + test + "$"
			cmd := exec.CommandContext(t.Context(), self, run)
			cmd.Env = append(os.Environ(), mutantVariable+"="+b.name)
			output, err := cmd.CombinedOutput()
			failed := "--- FAIL: TestBrokenStoresFail/" + test
			if err == nil || !strings.Contains(string(output), failed) {
				t.Errorf("the test %q: %v\n%s", b.fails, err, output)
			}
		})
	}
}
