package refreshtest

import (
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

func testUse(t *testing.T, store token.RefreshStore) {
	r := record(1)
	insert(t, store, noLimit, record(0), r, record(2))
	later := start().Add(day)
	want := r
	want.LastUsed, want.IdleAt = later, later.Add(idle)
	if used := mustUse(t, store, use(r, later)); !same(used, want) {
		t.Errorf("used %+v, want %+v", used, want)
	}
	list, err := store.List(t.Context(), token.RefreshFilter{ID: r.ID}, later)
	if err != nil || len(list) != 1 || !same(list[0], want) {
		t.Errorf("listed %+v, %v, want %+v", list, err, want)
	}
}

func testUnknown(t *testing.T, store token.RefreshStore) {
	insert(t, store, noLimit, record(1))
	mustBeInvalid(t, store, use(record(2), start().Add(time.Hour)))
}

func testService(t *testing.T, store token.RefreshStore) {
	r := record(1)
	insert(t, store, noLimit, r)
	elsewhere := use(r, start().Add(day))
	elsewhere.Service = "other.example.com"
	mustBeInvalid(t, store, elsewhere)
	if used := mustUse(t, store, use(r, start().Add(time.Hour))); !used.LastUsed.Equal(start().Add(time.Hour)) {
		t.Errorf("last used %v: a refused use has left its mark", used.LastUsed)
	}
}

func testExpires(t *testing.T, store token.RefreshStore) {
	r := record(0)
	insert(t, store, noLimit, r)
	for now := start(); now.Before(r.ExpiresAt); now = now.Add(idle - day) {
		mustUse(t, store, use(r, now))
	}
	mustUse(t, store, use(r, r.ExpiresAt.Add(-time.Second)))
	mustBeInvalid(t, store, use(r, r.ExpiresAt))
}

func testIdle(t *testing.T, store token.RefreshStore) {
	used, unused := record(0), record(1)
	insert(t, store, noLimit, used, unused)
	mustUse(t, store, use(used, start().Add(20*day)))
	mustUse(t, store, use(used, start().Add(40*day)))
	mustBeInvalid(t, store, use(unused, start().Add(40*day)))
}

func testClockGoesBack(t *testing.T, store token.RefreshStore) {
	r := record(0)
	insert(t, store, noLimit, r)
	mustUse(t, store, use(r, start().Add(10*day)))
	mustUse(t, store, use(r, start().Add(-3650*day)))
	used := mustUse(t, store, use(r, start().Add(35*day)))
	if !used.LastUsed.Equal(start().Add(35 * day)) {
		t.Errorf("last used %v", used.LastUsed)
	}
}

func testDelete(t *testing.T, store token.RefreshStore) {
	robot, bob, elsewhere := record(2), record(3), record(4)
	robot.SubjectKind = "service account"
	bob.Subject = "bob"
	elsewhere.Service = "other.example.com"
	insert(t, store, noLimit, record(0), record(1), robot, bob, elsewhere)
	everything := token.RefreshFilter{All: true}
	steps := []struct {
		filter token.RefreshFilter
		left   []string
	}{
		{token.RefreshFilter{Subject: "nobody"}, []string{"id-0", "id-1", "id-2", "id-3", "id-4"}},
		{token.RefreshFilter{ID: "id-0", Subject: "bob"}, []string{"id-0", "id-1", "id-2", "id-3", "id-4"}},
		{token.RefreshFilter{ID: "id-0"}, []string{"id-1", "id-2", "id-3", "id-4"}},
		{token.RefreshFilter{Subject: "alice", SubjectKind: "service account"}, []string{"id-1", "id-3", "id-4"}},
		{token.RefreshFilter{Subject: "alice", Service: "other.example.com"}, []string{"id-1", "id-3"}},
		{token.RefreshFilter{Subject: "alice"}, []string{"id-3"}},
		{token.RefreshFilter{Service: "registry.example.com"}, nil},
	}
	for _, step := range steps {
		before := len(listed(t, store, everything))
		n, err := store.Delete(t.Context(), step.filter)
		if err != nil || n != before-len(step.left) {
			t.Errorf("delete %+v: %d, %v, want %d", step.filter, n, err, before-len(step.left))
		}
		expect(t, listed(t, store, everything), step.left...)
	}
	mustBeInvalid(t, store, use(record(1), start().Add(time.Hour)))
}

func testEmptyFilter(t *testing.T, store token.RefreshStore) {
	insert(t, store, noLimit, record(0), record(1))
	if n, err := store.Delete(t.Context(), token.RefreshFilter{}); n != 0 || err != nil {
		t.Errorf("delete with an empty filter: %d, %v", n, err)
	}
	expect(t, listed(t, store, token.RefreshFilter{}))
	expect(t, listed(t, store, token.RefreshFilter{All: true}), "id-0", "id-1")
	if n, err := store.Delete(t.Context(), token.RefreshFilter{All: true}); n != 2 || err != nil {
		t.Errorf("delete with All: %d, %v", n, err)
	}
	expect(t, listed(t, store, token.RefreshFilter{All: true}))
}

func testList(t *testing.T, store token.RefreshStore) {
	old := record(1)
	old.IdleAt = start()
	insert(t, store, noLimit, record(3), old, record(2), record(0))
	expect(t, listed(t, store, token.RefreshFilter{Subject: "alice"}), "id-0", "id-2", "id-3")
}

func testLimit(t *testing.T, store token.RefreshStore) {
	insert(t, store, 3, record(0), record(1), record(2))
	mustUse(t, store, use(record(0), start().Add(time.Hour)))
	insert(t, store, 3, record(3))
	expect(t, listed(t, store, token.RefreshFilter{Subject: "alice"}), "id-0", "id-2", "id-3")
	insert(t, store, 3, record(4))
	expect(t, listed(t, store, token.RefreshFilter{Subject: "alice"}), "id-0", "id-3", "id-4")
	mustBeInvalid(t, store, use(record(1), start().Add(time.Hour)))
}

func testLimitIsPerOwner(t *testing.T, store token.RefreshStore) {
	robot, bob, elsewhere := record(1), record(2), record(3)
	robot.SubjectKind = "service account"
	bob.Subject = "bob"
	elsewhere.Service = "other.example.com"
	insert(t, store, 1, record(0), robot, bob, elsewhere)
	expect(t, listed(t, store, token.RefreshFilter{All: true}), "id-0", "id-1", "id-2", "id-3")
}
