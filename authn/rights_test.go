package authn_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// A credential is the password of alice, or one of her tokens.
type credential struct {
	isToken bool
	id      string // also the secret
	rights  []string
	until   time.Time
	gone    bool // revoked, or an old password
	proved  authn.Subject
	checked time.Time // when the source returned proved
}

// A world is a random source of the credentials of alice, which change at random, also while a
// request is under way. It has the faults of real sources: a subject has its rights as labels,
// without a limit or a stamp, and a look-up returns the rights of the account.
type world struct {
	*testing.T
	*rand.Rand

	seed           uint64
	limits         bool   // of tokens are in Subject.Limit, or else in Labels
	stamps         string // "own", "none", or "shared" by all credentials
	source, cached authn.Authenticator

	credentials []*credential
	password    *credential
	atHand      *credential // of the request
	moments     [][]string  // the rights of atHand since the request began, while it was valid

	checks, hits, refreshes int
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{T: t, Rand: rand.New(rand.NewPCG(seed, 0)), seed: seed}
	w.limits, w.stamps = w.IntN(2) == 0, []string{"own", "own", "none", "shared"}[w.IntN(4)]
	w.source = w.member(true, true)
	switch w.IntN(4) {
	case 0:
		w.source = authn.Chain(w.member(true, false), w.member(false, true))
	case 1:
		w.source = authn.Chain(w.tokens(), w.member(false, true))
	}
	config := authn.CacheConfig{Logger: slog.New(slog.DiscardHandler)}
	w.cached = authn.Cache(w.source, config)
	w.add(false)
	for range 3 {
		w.add(true)
	}
	return w
}

func (w *world) add(isToken bool) {
	c := &credential{isToken: isToken, id: strconv.Itoa(len(w.credentials)), rights: w.rights()}
	if isToken && w.IntN(3) == 0 {
		c.until = time.Now().Add(time.Duration(w.IntN(180)) * time.Second)
	}
	if w.credentials = append(w.credentials, c); !isToken {
		w.password = c
	}
}

func (w *world) rights() (list []string) {
	for _, action := range []string{"delete", "pull", "push"} {
		if w.IntN(2) == 0 {
			list = append(list, action)
		}
	}
	return list
}

// subject is that of a successful login with c now.
func (w *world) subject(c *credential) authn.Subject {
	s := authn.Subject{Name: "alice", ValidUntil: c.until, Data: c}
	s.Stamp = map[string]string{"own": c.id, "shared": w.password.id}[w.stamps]
	s.Labels = map[string][]string{"right": c.rights}
	if w.limits && c.isToken {
		s.Labels["right"] = w.password.rights
		s.Limit = &authn.Limit{Scopes: []scope.Scope{
			{Type: "repository", Name: "app", Actions: c.rights},
		}}
	}
	return s
}

func rightsOf(s authn.Subject) []string {
	asked := scope.Scope{Type: "repository", Name: "app", Actions: s.Labels["right"]}
	return s.Limit.Allow(asked).Actions
}

func contains(set, subset []string) bool {
	return !slices.ContainsFunc(subset, func(s string) bool { return !slices.Contains(set, s) })
}

// change changes something, or nothing in most cases.
func (w *world) change() {
	c := w.credentials[w.IntN(len(w.credentials))]
	switch w.IntN(30) {
	case 0:
		w.password.gone = true
		w.add(false)
	case 1:
		w.add(true)
	case 2:
		c.gone = c.gone || c.isToken
	case 3, 4:
		c.rights = w.rights()
	case 5, 6:
		w.password.rights = w.rights()
	}
	w.note()
}

// valid reports whether a login with c works.
func valid(c *credential) bool {
	return !c.gone && (c.until.IsZero() || time.Now().Before(c.until))
}

func (w *world) note() {
	if w.atHand != nil && valid(w.atHand) {
		w.moments = append(w.moments, rightsOf(w.subject(w.atHand)))
	}
}

// A member checks tokens, passwords or both.
type member struct {
	*world

	tokens, passwords, byStamp bool
}

// member returns a source with random abilities.
func (w *world) member(tokens, passwords bool) authn.Authenticator {
	m := member{w, tokens, passwords, w.IntN(2) == 0}
	return []authn.Authenticator{
		authn.Func(m.Authenticate),
		struct {
			authn.Authenticator
			authn.Directory
		}{m, m},
		struct {
			authn.Authenticator
			authn.Confirmer
		}{m, m},
		m,
	}[w.IntN(4)]
}

func (m member) has(
	c *credential,
) bool {
	return c.isToken && m.tokens || !c.isToken && m.passwords
}

func (m member) Authenticate(_ context.Context, r authn.Request) (authn.Subject, error) {
	m.checks++
	m.change()
	for _, c := range m.credentials {
		if authn.Secret(c.id) == r.Password && m.has(c) {
			if !valid(c) {
				return authn.Subject{}, authn.ErrRejected
			}
			c.proved, c.checked = m.subject(c), time.Now()
			return c.proved, nil
		}
	}
	return authn.Subject{}, authn.ErrNoMatch
}

// tokens returns a source of tokens as the library makes it.
func (w *world) tokens() authn.Authenticator {
	split := func(r authn.Request) (id string, secret authn.Secret, ok bool) {
		return string(r.Password), r.Password, true
	}
	tokens := authn.Tokens(
		split,
		func(_ context.Context, id string) (authn.Subject, string, error) {
			w.change()
			for _, c := range w.credentials {
				if c.isToken && c.id == id && !c.gone {
					return w.subject(c), authn.HashToken(authn.Secret(id)), nil
				}
			}
			return authn.Subject{}, "", authn.ErrNoMatch
		},
	)
	return authn.Decorate(
		tokens,
		func(ctx context.Context, r authn.Request) (authn.Subject, error) {
			w.checks++
			s, err := tokens.Authenticate(ctx, r)
			if c, ok := s.Data.(*credential); ok {
				c.proved, c.checked = s, time.Now()
			}
			return s, err
		},
	)
}

func (m member) Lookup(context.Context, string) (authn.Subject, error) {
	m.change()
	return m.subject(m.password), nil
}

func (m member) Confirm(ctx context.Context, remembered authn.Subject) (authn.Subject, error) {
	if !m.byStamp {
		return m.Lookup(ctx, remembered.Name)
	}
	m.change()
	for _, c := range m.credentials { // an end may be forgotten, unlike a revocation
		if s := m.subject(c); s.Stamp == remembered.Stamp && m.has(c) && !c.gone {
			return s, nil
		}
	}
	return authn.Subject{}, []error{authn.ErrNoMatch, authn.ErrRejected}[m.IntN(2)]
}

// within fails the test if the subject has rights that the credential at hand did not have at any
// moment since the request began.
func (w *world) within(what string, s authn.Subject) {
	w.Helper()
	had := func(moment []string) bool { return contains(moment, rightsOf(s)) }
	if w.stamps != "shared" && !slices.ContainsFunc(w.moments, had) {
		w.Fatalf("seed %d: %s with %+v has the rights %v, want at most one of %v",
			w.seed, what, *w.atHand, rightsOf(s), w.moments)
	}
}

// login returns what a refresh token would store, if there may be one.
func (w *world) login(c *credential) (remembered authn.Subject, ok bool) {
	w.atHand, w.moments = c, nil
	w.note()
	began, checks := time.Now(), w.checks
	r := authn.Request{Username: "alice", Password: authn.Secret(c.id)}
	s, err := w.cached.Authenticate(w.Context(), r)
	if err != nil {
		return authn.Subject{}, false
	}
	w.within("a login", s)
	if !s.Equal(c.proved) || began.Sub(c.checked) >= time.Minute {
		w.Fatalf("seed %d: a login returns %+v, and the last check %+v", w.seed, s, c.proved)
	}
	if w.checks == checks {
		w.hits++
	}
	confirmed, err := authn.Confirm(w.Context(), w.source, s)
	ok = err == nil && confirmed.Equal(s)
	if ok && !contains(rightsOf(s), rightsOf(confirmed)) {
		w.Fatalf("seed %d: %+v and %+v are equal", w.seed, s, confirmed)
	}
	return authn.Subject{Name: s.Name, Kind: s.Kind, Stamp: s.Stamp, Limit: s.Limit}, ok
}

func (w *world) refresh(c *credential, remembered authn.Subject) {
	w.atHand, w.moments = c, nil
	w.note()
	if s, err := authn.Confirm(w.Context(), w.source, remembered); err == nil {
		w.within("a refresh", s)
		w.refreshes++
	}
}

// Whatever the order of logins, remembered logins, refreshes and changes, none has more rights than
// the credential at hand has now. The property holds for every source whose non-empty stamps belong
// to one credential each: whatever has the stamp has the current rights of that credential, and
// once that is gone, nothing has. A source that gives several credentials one stamp lies. Even so, a
// login has no more rights than its own last check within the TTL, and nothing is remembered while
// the look-up says something else than the login.
func TestRightsAreNeverWidened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hits, refreshes := 0, 0
		for seed := range uint64(1000) {
			w := newWorld(t, seed)
			stored := map[*credential]authn.Subject{}
			for range 60 {
				c := w.credentials[max(0, len(w.credentials)-1-w.IntN(6))]
				if remembered, ok := stored[c]; ok && w.IntN(2) == 0 {
					w.refresh(c, remembered)
				} else if remembered, ok := w.login(c); ok {
					stored[c] = remembered
				}
				time.Sleep(time.Duration(w.IntN(10)) * time.Second)
				w.change()
			}
			hits, refreshes = hits+w.hits, refreshes+w.refreshes
		}
		if hits < 1000 || refreshes < 1000 {
			t.Errorf("%d remembered logins and %d refreshes test little", hits, refreshes)
		}
	})
}
