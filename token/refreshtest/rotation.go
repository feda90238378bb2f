package refreshtest

import (
	"errors"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// rotation is a use of the token that has the given hash, and makes number next take its place.
func rotation(r token.RefreshRecord, of token.RefreshHash, next int, now time.Time) token.RefreshUse {
	u := use(r, now)
	u.Hash, u.Next = of, hash("next", next)
	return u
}

func testRotation(t *testing.T, store token.RefreshStore) {
	r := record(0)
	insert(t, store, noLimit, r, record(1))
	at := start().Add(day)
	want := r
	want.Hash, want.Previous, want.RotatedAt = hash("next", 1), r.Hash, at
	want.LastUsed, want.IdleAt = at, at.Add(idle)
	if rotated := mustUse(t, store, rotation(r, r.Hash, 1, at)); !same(rotated, want) {
		t.Errorf("rotated %+v, want %+v", rotated, want)
	}
	later := use(want, at.Add(day))
	if used := mustUse(t, store, later); used.Hash != want.Hash || used.Previous != r.Hash || !used.RotatedAt.Equal(at) {
		t.Errorf("used %+v", used)
	}
	expect(t, listed(t, store, token.RefreshFilter{Subject: "alice"}), "id-0", "id-1")
	mustBeInvalid(t, store, use(want, r.ExpiresAt)) // the end of the family is the end of its first token
}

func testGrace(t *testing.T, store token.RefreshStore) {
	r := record(0)
	insert(t, store, noLimit, r)
	at := start().Add(day)
	rotated := mustUse(t, store, rotation(r, r.Hash, 1, at))
	for _, now := range []time.Time{at, at.Add(grace - time.Second), at.Add(time.Second - grace)} {
		if used := mustUse(t, store, use(r, now)); used.Hash != rotated.Hash || used.Previous != r.Hash {
			t.Errorf("the previous token at %v: %+v", now, used)
		}
		if again := mustUse(t, store, rotation(r, r.Hash, 2, now)); again.Hash != rotated.Hash {
			t.Errorf("the previous token was replaced twice, at %v", now)
		}
	}
}

func testGraceIsNotRotated(t *testing.T, store token.RefreshStore) {
	r := record(0)
	insert(t, store, noLimit, r)
	at := start().Add(day)
	first := mustUse(t, store, rotation(r, r.Hash, 1, at))
	if used := mustUse(t, store, rotation(r, first.Hash, 2, at.Add(grace-time.Second))); used.Hash != first.Hash {
		t.Error("replaced within the time of grace")
	}
	if used := mustUse(t, store, rotation(r, first.Hash, 2, at.Add(grace))); used.Hash != hash("next", 2) {
		t.Error("not replaced after the time of grace")
	}
}

func testReuse(t *testing.T, store token.RefreshStore) {
	r := record(0)
	insert(t, store, noLimit, r, record(1))
	at := start().Add(day)
	rotated := mustUse(t, store, rotation(r, r.Hash, 1, at))
	elsewhere := use(r, at.Add(grace))
	elsewhere.Service = "other.example.com"
	mustBeInvalid(t, store, elsewhere)
	mustBeReused(t, store, use(r, at.Add(grace)), rotated)
	mustBeInvalid(t, store, use(rotated, at.Add(grace)))
	mustBeInvalid(t, store, use(r, at))
	expect(t, listed(t, store, token.RefreshFilter{Subject: "alice"}), "id-1")
}

func testReuseOfAnAncestor(t *testing.T, store token.RefreshStore) {
	for n, wrong := range []time.Duration{0, -3650 * day} {
		r := record(n)
		insert(t, store, noLimit, r)
		first := mustUse(t, store, rotation(r, r.Hash, 1, start()))
		second := mustUse(t, store, rotation(r, first.Hash, 2, start().Add(day)))
		mustBeReused(t, store, use(r, start().Add(day+wrong)), second)
		mustBeInvalid(t, store, use(second, start().Add(day)))
	}
}

func testLateRotation(t *testing.T, store token.RefreshStore) {
	r := record(0)
	insert(t, store, noLimit, r)
	rotated := mustUse(t, store, rotation(r, r.Hash, 1, start()))
	mustBeInvalid(t, store, rotation(r, r.Hash, 2, start().Add(grace)))
	mustUse(t, store, use(rotated, start().Add(grace)))
}

func mustBeReused(t *testing.T, store token.RefreshStore, u token.RefreshUse, want token.RefreshRecord) {
	t.Helper()
	removed, err := store.Use(t.Context(), u)
	if !errors.Is(err, token.ErrRefreshReused) {
		t.Errorf("use: error %v, want ErrRefreshReused", err)
	}
	if removed.ID != want.ID || removed.Subject != want.Subject || removed.Hash != want.Hash {
		t.Errorf("removed %+v, want %+v", removed, want)
	}
}
