package authn_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
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

func pullOnly() *authn.Limit { return pullFrom("app") }

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

// An accountFinder finds the account by the credentials.
type accountFinder struct {
	authn.Func

	account func(r authn.Request) string
}

func (f accountFinder) Account(_ context.Context, r authn.Request) string { return f.account(r) }

func TestDecoratorsPassOnTheFirstAccount(t *testing.T) {
	opaque := authn.Func((&source{}).Authenticate)
	fixed := func(account string) authn.Authenticator {
		return accountFinder{opaque, func(authn.Request) string { return account }}
	}
	finder := accountFinder{opaque, func(r authn.Request) string {
		if account, ok := strings.CutPrefix(string(r.Password), "key of "); ok {
			return account
		}
		return ""
	}}
	cache := func(a authn.Authenticator) authn.Authenticator {
		return authn.Cache(a, authn.CacheConfig{})
	}
	for name, test := range map[string]struct {
		decorated authn.Authenticator
		password  authn.Secret
		want      string
	}{
		"a cache":                      {cache(finder), "key of alice", "alice"},
		"a cache that cannot tell":     {cache(finder), "wonderland", ""},
		"a cache of a func":            {cache(opaque), "key of alice", ""},
		"a cache of a directory":       {cache(&source{}), "key of alice", ""},
		"a decorator":                  {authn.Decorate(finder, opaque), "key of alice", "alice"},
		"a chain of none":              {authn.Chain(), "key of alice", ""},
		"a chain, the last can tell":   {authn.Chain(&source{}, opaque, finder), "key of alice", "alice"},
		"a chain of two caches":        {authn.Chain(cache(finder), cache(&source{})), "key of alice", "alice"},
		"a chain, the second can tell": {authn.Chain(fixed(""), finder, fixed("")), "key of alice", "alice"},
		"a chain, the first decides":   {authn.Chain(finder, fixed("bob")), "key of alice", "alice"},
	} {
		t.Run(name, func(t *testing.T) {
			decorated, ok := test.decorated.(authn.AccountFinder)
			if !ok {
				t.Fatal("it is no AccountFinder")
			}
			r := authn.Request{Username: "token", Password: test.password}
			if got := decorated.Account(t.Context(), r); got != test.want {
				t.Errorf("the account is %q, want %q", got, test.want)
			}
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
		"a cache of an AccountFinder": {authn.Cache(accountFinder{Func: opaque}, config), false},
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
