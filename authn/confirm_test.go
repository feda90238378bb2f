package authn_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// A confirmer answers with one result.
type confirmer struct {
	authn.Func

	subject authn.Subject
	err     error
}

func (c confirmer) Confirm(context.Context, authn.Subject) (authn.Subject, error) {
	return c.subject, c.err
}

func pullOnly() *authn.Limit {
	return &authn.Limit{Scopes: []scope.Scope{
		{Type: "repository", Name: "app", Actions: []string{"pull"}},
	}}
}

func TestConfirm(t *testing.T) {
	alice := authn.Subject{Name: "alice", Stamp: "1"}
	limited := authn.Subject{Name: "alice", Stamp: "1", Limit: pullOnly()}
	narrower := authn.Subject{Name: "alice", Stamp: "1", Limit: &authn.Limit{}}
	anonymous, unstamped := authn.Subject{}, authn.Subject{Name: "alice"}
	over := authn.Subject{Name: "alice", Stamp: "1", ValidUntil: time.Now()}
	ending := authn.Subject{Name: "alice", Stamp: "1", ValidUntil: time.Now().Add(time.Hour)}
	broken := errors.New("the database is down")
	opaque := authn.Func(nil)
	directory := func(subject authn.Subject, err error) authn.Authenticator {
		return &source{lookup: func(string) (authn.Subject, error) { return subject, err }}
	}
	confirm := func(subject authn.Subject, err error) authn.Authenticator {
		return confirmer{opaque, subject, err}
	}
	knows, knowsLimit := directory(alice, nil), confirm(limited, nil)
	unknown, disabled := directory(anonymous, authn.ErrNoMatch), directory(anonymous, authn.ErrRejected)
	chain := authn.Chain
	cache := func(a authn.Authenticator) authn.Authenticator {
		return authn.Cache(a, authn.CacheConfig{})
	}
	for name, test := range map[string]struct {
		source     authn.Authenticator
		remembered authn.Subject
		want       error
	}{
		"neither":                              {opaque, alice, authn.ErrNoLookup},
		"a directory, the same":                {knows, alice, nil},
		"a directory, another stamp":           {directory(unstamped, nil), alice, authn.ErrRejected},
		"a directory, unknown":                 {unknown, alice, authn.ErrNoMatch},
		"a directory, down":                    {directory(anonymous, broken), alice, broken},
		"a directory, a limit":                 {knows, limited, authn.ErrNoLookup},
		"a directory, a limit and disabled":    {disabled, limited, authn.ErrRejected},
		"a directory, no stamp":                {directory(unstamped, nil), unstamped, authn.ErrNoLookup},
		"a directory, expired":                 {directory(over, nil), alice, authn.ErrRejected},
		"a directory, with an end":             {directory(ending, nil), alice, nil},
		"a directory, prolonged":               {directory(ending, nil), over, nil},
		"a confirmer, no stamp":                {confirm(unstamped, nil), unstamped, authn.ErrNoLookup},
		"a confirmer, expired":                 {confirm(over, nil), over, authn.ErrRejected},
		"a confirmer, the same":                {confirm(alice, nil), alice, nil},
		"a confirmer, the same limit":          {knowsLimit, limited, nil},
		"a confirmer, a limit that narrowed":   {confirm(narrower, nil), limited, nil},
		"a confirmer that forgets the limit":   {confirm(alice, nil), limited, authn.ErrRejected},
		"a confirmer with another stamp":       {confirm(unstamped, nil), alice, authn.ErrRejected},
		"a confirmer that rejects":             {confirm(anonymous, authn.ErrRejected), limited, authn.ErrRejected},
		"a chain, the first knows":             {chain(knowsLimit, knows), limited, nil},
		"a chain, the second knows":            {chain(knows, knowsLimit), limited, nil},
		"a chain, none knows":                  {chain(confirm(anonymous, authn.ErrNoMatch), unknown), alice, authn.ErrNoMatch},
		"a chain, the first rejects":           {chain(disabled, knows), alice, authn.ErrRejected},
		"a chain, the first is down":           {chain(directory(anonymous, broken), knows), alice, broken},
		"a chain, one cannot tell":             {chain(opaque, unknown), alice, authn.ErrNoLookup},
		"a chain, another one knows":           {chain(opaque, knows), alice, nil},
		"a cache of a confirmer":               {cache(knowsLimit), limited, nil},
		"a cache of a chain with a directory":  {cache(chain(knows)), alice, nil},
		"a cache of a directory, with a limit": {cache(knows), limited, authn.ErrNoLookup},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := authn.Confirm(t.Context(), test.source, test.remembered)
			if !errors.Is(err, test.want) || got.Anonymous() != (test.want != nil) {
				t.Errorf("Confirm = %+v, %v, want %v", got, err, test.want)
			}
		})
	}
}

// With a 401, clients would discard good credentials because of a bug of the source.
func TestConfirmReportsASubjectWithoutANameAsAnOutage(t *testing.T) {
	directory := &source{lookup: func(string) (authn.Subject, error) { return authn.Subject{}, nil }}
	for name, a := range map[string]authn.Authenticator{
		"a directory":            directory,
		"a confirmer":            confirmer{},
		"a chain of a directory": authn.Chain(directory),
		"a cache of a confirmer": authn.Cache(confirmer{}, authn.CacheConfig{}),
	} {
		t.Run(name, func(t *testing.T) {
			for _, remembered := range []authn.Subject{{Name: "alice", Stamp: "1"}, {Stamp: "1"}} {
				got, err := authn.Confirm(t.Context(), a, remembered)
				if err == nil || errors.Is(err, authn.ErrRejected) ||
					errors.Is(err, authn.ErrNoMatch) || errors.Is(err, authn.ErrNoLookup) {
					t.Errorf("Confirm %+v = %+v, %v, want an outage", remembered, got, err)
				}
			}
		})
	}
}

func TestDecoratePanicsOnNil(t *testing.T) {
	for name, decorate := range map[string]func(){
		"source":       func() { authn.Decorate(nil, (&source{}).Authenticate) },
		"authenticate": func() { authn.Decorate(&source{}, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got := recover(); got != "authn.Decorate: an argument is nil" {
					t.Errorf("recovered %v", got)
				}
			}()
			decorate()
		})
	}
}

// A server relies on the abilities to reject a configuration that could never give refresh tokens.
func TestDecoratorsHaveTheAbilitiesOfTheirSources(t *testing.T) {
	opaque := authn.Func((&source{}).Authenticate)
	config := authn.CacheConfig{}
	for name, test := range map[string]struct {
		decorated authn.Authenticator
		want      bool
	}{
		"a chain of none":             {authn.Chain(), false},
		"a chain of a func":           {authn.Chain(opaque), false},
		"a chain with a directory":    {authn.Chain(opaque, &source{}), true},
		"a chain with a confirmer":    {authn.Chain(opaque, confirmer{}), true},
		"a cache of a func":           {authn.Cache(opaque, config), false},
		"a cache of a directory":      {authn.Cache(&source{}, config), true},
		"a cache of a confirmer":      {authn.Cache(confirmer{}, config), true},
		"a cache of a chain":          {authn.Cache(authn.Chain(opaque), config), false},
		"a chain of a cached func":    {authn.Chain(authn.Cache(opaque, config)), false},
		"a chain of a cached source":  {authn.Chain(authn.Cache(&source{}, config)), true},
		"a decorator of a func":       {authn.Decorate(opaque, opaque), false},
		"a decorator of a directory":  {authn.Decorate(&source{}, opaque), true},
		"a decorator of a func chain": {authn.Decorate(authn.Chain(opaque), opaque), false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, ok := test.decorated.(authn.Directory); ok != test.want {
				t.Errorf("is a Directory: %v, want %v", ok, test.want)
			}
			if _, ok := test.decorated.(authn.Confirmer); ok != test.want {
				t.Errorf("is a Confirmer: %v, want %v", ok, test.want)
			}
		})
	}
}

// tokens is a source in which every password is a token of the user, some with a limit.
type tokens map[authn.Secret]authn.Subject

func (s tokens) Authenticate(_ context.Context, r authn.Request) (authn.Subject, error) {
	subject, ok := s[r.Password]
	if !ok || subject.Name != r.Username {
		return authn.Subject{}, authn.ErrNoMatch
	}
	return subject, nil
}

// A tokenDirectory looks up a user with all rights of the account, as most sources would.
type tokenDirectory struct{ tokens }

func (s tokenDirectory) Lookup(_ context.Context, name string) (authn.Subject, error) {
	for _, subject := range s.tokens {
		if subject.Name == name {
			return authn.Subject{Name: name}, nil
		}
	}
	return authn.Subject{}, authn.ErrNoMatch
}

// A tokenConfirmer confirms each token on its own.
type tokenConfirmer struct{ tokens }

func (s tokenConfirmer) Confirm(
	_ context.Context, remembered authn.Subject,
) (authn.Subject, error) {
	for _, subject := range s.tokens {
		if subject.Name == remembered.Name && subject.Stamp == remembered.Stamp &&
			subject.Limit.Equal(remembered.Limit) {
			return subject, nil
		}
	}
	return authn.Subject{}, authn.ErrNoMatch
}

// For random tokens with random limits under two names, and any order of logins, cache hits and
// expiry, a login through cache and chain allows exactly what its own token allows.
func TestALimitIsNeverWidened(t *testing.T) {
	asked := []scope.Scope{
		{Type: "repository", Name: "a", Actions: []string{"pull", "push"}},
		{Type: "repository", Name: "b", Actions: []string{"pull", "push"}},
	}
	for name, wrap := range map[string]func(tokens) authn.Authenticator{
		"without lookup":   func(s tokens) authn.Authenticator { return s },
		"with a directory": func(s tokens) authn.Authenticator { return tokenDirectory{s} },
		"with a confirmer": func(s tokens) authn.Authenticator { return tokenConfirmer{s} },
		"in front of a directory": func(s tokens) authn.Authenticator {
			return authn.Chain(s, tokenDirectory{s})
		},
		"a confirmer and a directory": func(s tokens) authn.Authenticator {
			return authn.Chain(tokenConfirmer{s}, tokenDirectory{s})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for seed := range uint64(50) {
					random := rand.New(rand.NewPCG(seed, 0))
					source := tokens{}
					for i := range 10 {
						secret := authn.Secret(strconv.Itoa(i))
						subject := authn.Subject{Name: "user" + strconv.Itoa(random.IntN(2))}
						subject.Limit = randomLimit(random, asked)
						if subject.Limit == nil || random.IntN(2) == 0 {
							subject.Stamp = strconv.Itoa(i)
						}
						source[secret] = subject
					}
					cached := authn.Cache(wrap(source), authn.CacheConfig{MaxEntries: 5})
					secrets := slices.Sorted(maps.Keys(source))
					for range 200 {
						loginWithin(t, cached, source, secrets[random.IntN(len(secrets))], asked)
						time.Sleep(time.Duration(random.IntN(30)) * time.Second)
					}
				}
			})
		})
	}
}

func randomLimit(random *rand.Rand, from []scope.Scope) *authn.Limit {
	if random.IntN(3) == 0 {
		return nil
	}
	limit := &authn.Limit{}
	for _, s := range from {
		s.Actions = s.Actions[:random.IntN(3)]
		limit.Scopes = append(limit.Scopes, s)
	}
	return limit
}

// loginWithin logs in with a token and fails the test if that allows more than the token.
func loginWithin(
	t *testing.T, a authn.Authenticator, source tokens, secret authn.Secret, asked []scope.Scope,
) {
	t.Helper()
	token := source[secret]
	r := authn.Request{Username: token.Name, Password: secret}
	subject, err := a.Authenticate(t.Context(), r)
	if err != nil || subject.Name != token.Name {
		t.Fatalf("token %s: %+v, %v", string(secret), subject, err)
	}
	for _, s := range asked {
		allowed, want := subject.Limit.Allow(s), token.Limit.Allow(s)
		if !allowed.Equal(want) {
			t.Fatalf("token %s allows %v, want %v", string(secret), allowed, want)
		}
	}
}
