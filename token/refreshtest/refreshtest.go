// Package refreshtest checks that an implementation of [token.RefreshStore] keeps the contract:
//
//	func TestStore(t *testing.T) {
//		refreshtest.Run(t, func(t *testing.T) token.RefreshStore { return newStore(t.TempDir()) })
//	}
//
// Run it with the race detector.
package refreshtest

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// Run runs the tests against stores that newStore makes: an empty one for each call, which nobody else uses. Clean up with
// t.Cleanup.
func Run(t *testing.T, newStore func(t *testing.T) token.RefreshStore) {
	tests := []struct {
		name string
		test func(t *testing.T, store token.RefreshStore)
	}{
		{"an inserted token is used and comes back as it was", testUse},
		{"an unknown token is invalid", testUnknown},
		{"a token is good for its service only", testService},
		{"a token ends when it is too old", testExpires},
		{"a token ends when it is not used", testIdle},
		{"a clock that goes back shortens no life", testClockGoesBack},
		{"a filter deletes what matches and nothing else", testDelete},
		{"an empty filter selects nothing, and All everything", testEmptyFilter},
		{"a list is in the order of issue and has no expired tokens", testList},
		{"the least recently used token makes room", testLimit},
		{"the limit is for one subject, kind and service", testLimitIsPerOwner},
		{"a rotation replaces the token", testRotation},
		{"the previous token works for the time of grace", testGrace},
		{"a token is not replaced within the time of grace", testGraceIsNotRotated},
		{"a replaced token that is used revokes the family", testReuse},
		{"an old token does too, whatever the clock says", testReuseOfAnAncestor},
		{"a rotation that comes too late revokes nothing", testLateRotation},
		{"many uses of one token at once all succeed", testConcurrentUse},
		{"of many rotations at once one wins", testConcurrentRotation},
		{"of many reuses at once none succeeds", testConcurrentReuse},
		{"no use succeeds after a delete has returned", testDeleteRacesUse},
		{"insertions at once keep the limit", testConcurrentInsert},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.test(t, newStore(t)) })
	}
}

// start is when the tests begin: whole seconds of UTC, since a store may keep no more.
func start() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) }

const (
	day      = 24 * time.Hour
	lifetime = 180 * day
	idle     = 30 * day
	grace    = 20 * time.Second
	noLimit  = 1000
)

// record returns the record of alice's token number n, issued n minutes after the start.
func record(n int) token.RefreshRecord {
	issued := start().Add(time.Duration(n) * time.Minute)
	return token.RefreshRecord{
		ID:           "id-" + strconv.Itoa(n),
		Family:       hash("family", n),
		Hash:         hash("token", n),
		Subject:      "alice",
		SubjectKind:  "user",
		SubjectStamp: "stamp",
		Service:      "registry.example.com",
		ClientID:     "docker",
		IssuedAt:     issued,
		LastUsed:     issued,
		ExpiresAt:    issued.Add(lifetime),
		IdleAt:       issued.Add(idle),
	}
}

func hash(what string, n int) token.RefreshHash { return sha256.Sum256([]byte(what + strconv.Itoa(n))) }

func use(r token.RefreshRecord, now time.Time) token.RefreshUse {
	return token.RefreshUse{Family: r.Family, Hash: r.Hash, Service: r.Service, Now: now, IdleAt: now.Add(idle), Grace: grace}
}

func insert(t *testing.T, store token.RefreshStore, limit int, records ...token.RefreshRecord) {
	t.Helper()
	for _, r := range records {
		if err := store.Insert(t.Context(), r, limit); err != nil {
			t.Fatalf("insert %s: %v", r.ID, err)
		}
	}
}

func mustUse(t *testing.T, store token.RefreshStore, u token.RefreshUse) token.RefreshRecord {
	t.Helper()
	used, err := store.Use(t.Context(), u)
	if err != nil {
		t.Fatalf("use: %v", err)
	}
	return used
}

func mustBeInvalid(t *testing.T, store token.RefreshStore, u token.RefreshUse) {
	t.Helper()
	used, err := store.Use(t.Context(), u)
	if !errors.Is(err, token.ErrRefreshInvalid) || errors.Is(err, token.ErrRefreshReused) {
		t.Errorf("use: error %v, want ErrRefreshInvalid alone", err)
	}
	if used != (token.RefreshRecord{}) {
		t.Errorf("use: record %+v beside an error", used)
	}
}

// listed returns the ids of what the filter selects at the start.
func listed(t *testing.T, store token.RefreshStore, filter token.RefreshFilter) []string {
	t.Helper()
	list, err := store.List(t.Context(), filter, start())
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	var ids []string
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	return ids
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("tokens %q, want %q", got, want)
	}
}

// same compares with Equal for times, whose location and monotonic clock need not survive.
func same(a, b token.RefreshRecord) bool {
	times := a.IssuedAt.Equal(b.IssuedAt) && a.LastUsed.Equal(b.LastUsed) &&
		a.ExpiresAt.Equal(b.ExpiresAt) && a.IdleAt.Equal(b.IdleAt) && a.RotatedAt.Equal(b.RotatedAt)
	b.IssuedAt, b.LastUsed, b.ExpiresAt, b.IdleAt, b.RotatedAt = a.IssuedAt, a.LastUsed, a.ExpiresAt, a.IdleAt, a.RotatedAt
	return times && a == b
}
