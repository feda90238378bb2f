package token_test

import (
	"context"
	"crypto"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// countingKey counts its signatures after the test of the key, and waits before each until it may go on.
func countingKey(t *testing.T, before func() error) (*token.Key, *atomic.Int64) {
	t.Helper()
	private, made, started := generateECDSA(t), new(atomic.Int64), false
	key, err := token.NewKey(fakeSigner{private.Public(), func(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		if started {
			made.Add(1)
			if err := before(); err != nil {
				return nil, err
			}
		}
		return private.Sign(r, digest, opts)
	}})
	if err != nil {
		t.Fatal(err)
	}
	started = true
	return key, made
}

func newSharingIssuer(t *testing.T, key *token.Key, change func(*token.IssuerConfig)) *token.Issuer {
	t.Helper()
	config := token.IssuerConfig{Name: issuerName, Keys: newKeySet(t, key), ShareFor: 30 * time.Second}
	if change != nil {
		change(&config)
	}
	issuer, err := token.NewIssuer(config)
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

func free() error { return nil }

func TestAThousandIdenticalRequestsCostOneSignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signing := make(chan struct{})
		key, made := countingKey(t, func() error { <-signing; return nil })
		issuer := newSharingIssuer(t, key, nil)
		var tokens [1000]token.Token
		var wait sync.WaitGroup
		for i := range tokens {
			wait.Go(func() { tokens[i] = issue(t, issuer, aliceMay("pull")) })
		}
		synctest.Wait() // one signs, and all others wait for it
		close(signing)
		wait.Wait()
		if n := made.Load(); n != 1 {
			t.Errorf("%d signatures", n)
		}
		own := 0
		for _, issued := range tokens {
			if issued.Value != tokens[0].Value || issued.ID != tokens[0].ID {
				t.Fatal("they have different tokens")
			}
			if !issued.Shared {
				own++
			}
		}
		if own != 1 {
			t.Errorf("%d say that the token was made for them", own)
		}
		verifier, err := issuer.Verifier(service)
		if err != nil {
			t.Fatal(err)
		}
		if claims, err := verifier.Verify(string(tokens[0].Value)); err != nil || claims.Subject != "alice" {
			t.Errorf("claims %+v, error %v", claims, err)
		}
	})
}

func TestOnlyTheSameQuestionSharesAToken(t *testing.T) {
	access := func(list ...scope.Scope) func(*token.Grant) { return func(g *token.Grant) { g.Access = list } }
	pull, push := []string{"pull"}, []string{"push"}
	tests := map[string]struct {
		change func(*token.Grant)
		same   bool
	}{
		"the same":                              {func(*token.Grant) {}, true},
		"the same in two parts":                 {access(scope.Scope{Type: "repository", Name: "alice/app", Actions: push}, scope.Scope{Type: "repository", Name: "alice/app", Actions: pull}), true},
		"another subject":                       {func(g *token.Grant) { g.Subject = "alic" }, false},
		"the anonymous subject":                 {func(g *token.Grant) { g.Subject = "" }, false},
		"another service":                       {func(g *token.Grant) { g.Audience = "registry.example.org" }, false},
		"another address of the network":        {func(g *token.Grant) { g.RemoteAddr = netip.MustParseAddr("10.1.255.255") }, true},
		"the same, written as IPv6":             {func(g *token.Grant) { g.RemoteAddr = netip.MustParseAddr("::ffff:10.1.2.3") }, true},
		"another network":                       {func(g *token.Grant) { g.RemoteAddr = netip.MustParseAddr("10.2.0.1") }, false},
		"another network, IPv6":                 {func(g *token.Grant) { g.RemoteAddr = netip.MustParseAddr("2001:db8::1") }, false},
		"an unknown address":                    {func(g *token.Grant) { g.RemoteAddr = netip.Addr{} }, false},
		"fewer actions":                         {access(scope.Scope{Type: "repository", Name: "alice/app", Actions: pull}), false},
		"another type":                          {access(scope.Scope{Type: "registry", Name: "alice/app", Actions: []string{"pull", "push"}}), false},
		"another name":                          {access(scope.Scope{Type: "repository", Name: "alice/ap", Actions: []string{"pull", "push"}}), false},
		"nothing":                               {access(), false},
		"a subject that takes from the service": {func(g *token.Grant) { g.Subject, g.Audience = "alicer", g.Audience[1:] }, false},
		"a name that looks like an action":      {access(scope.Scope{Type: "repository", Name: "alice/app", Actions: []string{"pullpush"}}), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			key, made := countingKey(t, free)
			issuer := newSharingIssuer(t, key, nil)
			grant := aliceMay("pull", "push")
			grant.RemoteAddr = netip.MustParseAddr("10.1.0.1")
			first := issue(t, issuer, grant)
			test.change(&grant)
			second := issue(t, issuer, grant)
			if end := time.Now().Add(second.Lifetime); end.After(second.ExpiresAt) {
				t.Errorf("it is said to last until %v, and ends at %v", end, second.ExpiresAt)
			}
			if same := first.Value == second.Value; same != test.same || second.Shared != test.same || made.Load() != map[bool]int64{true: 1, false: 2}[test.same] {
				t.Errorf("the same: %v, shared: %v, %d signatures", same, second.Shared, made.Load())
			}
		})
	}
}

func TestASharedTokenIsCountedFromNow(t *testing.T) {
	start := time.Date(2030, 1, 1, 0, 0, 0, 400e6, time.UTC)
	now := start
	key, _ := countingKey(t, free)
	issuer := newSharingIssuer(t, key, func(c *token.IssuerConfig) { c.Now = func() time.Time { return now } })
	first := issue(t, issuer, aliceMay("pull"))
	for _, test := range []struct {
		name     string
		now      time.Time
		lifetime time.Duration
		shared   bool
	}{
		{"at once", start, 5 * time.Minute, true},
		{"a moment earlier, as another request saw the clock", start.Add(-time.Millisecond), 5 * time.Minute, true},
		{"a while later", start.Add(20 * time.Second), 280 * time.Second, true},
		{"at the end of the period", start.Add(30 * time.Second), 5 * time.Minute, false},
		{"when the clock is set back", start.Add(-time.Hour), 5 * time.Minute, false},
		{"when it is right again", start, 5 * time.Minute, false},
		{"a year later", start.AddDate(1, 0, 0), 5 * time.Minute, false},
	} {
		now = test.now
		issued := issue(t, issuer, aliceMay("pull"))
		if issued.Shared != test.shared || issued.Lifetime != test.lifetime || !issued.IssuedAt.Equal(now.Truncate(time.Second)) {
			t.Errorf("%s: shared %v for %v from %v on", test.name, issued.Shared, issued.Lifetime, issued.IssuedAt)
		}
		if test.shared != (issued.ID == first.ID) {
			t.Errorf("%s: the token %s after %s", test.name, issued.ID, first.ID)
		}
		if end := now.Add(issued.Lifetime); end.After(issued.ExpiresAt) {
			t.Errorf("%s: it is said to last until %v, and ends at %v", test.name, end, issued.ExpiresAt)
		}
	}
}

// Without their lengths, the parts of these pairs would be one text.
func TestQuestionsThatReadAlikeAreNotTheSame(t *testing.T) {
	actions := func(list ...string) []string { return list }
	for name, pair := range map[string][2][]scope.Scope{
		"a name and an action":   {{{Type: "t", Name: "a", Actions: actions("bc")}}, {{Type: "t", Name: "ab", Actions: actions("c")}}},
		"two actions":            {{{Type: "t", Name: "a", Actions: actions("b", "cd")}}, {{Type: "t", Name: "a", Actions: actions("bc", "d")}}},
		"two scopes and one":     {{{Type: "t", Name: "n", Actions: actions("a")}, {Type: "b", Name: "c", Actions: actions("d")}}, {{Type: "t", Name: "n", Actions: actions("a", "b", "c", "d")}}},
		"a type and its name":    {{{Type: "t", Name: "ab", Actions: actions("c")}}, {{Type: "ta", Name: "b", Actions: actions("c")}}},
		"an action and the next": {{{Type: "t", Name: "n", Actions: actions("a")}, {Type: "bt", Name: "n", Actions: actions("a")}}, {{Type: "t", Name: "n", Actions: actions("ab")}, {Type: "t", Name: "n2", Actions: actions("a")}}},
	} {
		t.Run(name, func(t *testing.T) {
			key, made := countingKey(t, free)
			issuer := newSharingIssuer(t, key, nil)
			for _, access := range pair {
				issue(t, issuer, token.Grant{Subject: "alice", Audience: service, Access: access})
			}
			if n := made.Load(); n != 2 {
				t.Errorf("%d signatures", n)
			}
		})
	}
}

func TestNetworks(t *testing.T) {
	key, made := countingKey(t, free)
	issuer := newSharingIssuer(t, key, nil)
	networks := [][]string{
		{"192.0.2.1", "192.0.255.255"}, {"192.1.2.1"}, {"2001:db8:1::1", "2001:db8:1:ffff::1"}, {"2001:db8:2::1"}, {"::1"}, {""},
	}
	for _, network := range networks {
		for _, addr := range network {
			grant := aliceMay("pull")
			if addr != "" {
				grant.RemoteAddr = netip.MustParseAddr(addr)
			}
			issue(t, issuer, grant)
		}
	}
	if n := made.Load(); n != int64(len(networks)) {
		t.Errorf("%d signatures, want one for each of %d networks", n, len(networks))
	}
}

// A client may ask for so much that the token is not worth keeping.
func TestLargeTokensAreNotShared(t *testing.T) {
	key, made := countingKey(t, free)
	issuer := newSharingIssuer(t, key, nil)
	grant := token.Grant{Subject: "alice", Audience: service}
	for i := range 20 {
		grant.Access = append(grant.Access, scope.Scope{Type: "repository", Name: strings.Repeat("a", 50+i), Actions: []string{"pull"}})
	}
	for range 3 {
		if issue(t, issuer, grant).Shared {
			t.Error("a token for twenty repositories is shared")
		}
	}
	if n := made.Load(); n != 3 {
		t.Errorf("%d signatures", n)
	}
}

func TestWhoSharesIsConfigured(t *testing.T) {
	key, made := countingKey(t, free)
	issuer := newSharingIssuer(t, key, func(c *token.IssuerConfig) {
		c.AddressClass = func(addr netip.Addr) string {
			return map[bool]string{true: "inside", false: "outside"}[addr.IsPrivate()]
		}
	})
	for _, addr := range []string{"10.1.0.1", "192.168.0.1", "fd00::1", "203.0.113.1", "2001:db8::1"} {
		grant := aliceMay("pull")
		grant.RemoteAddr = netip.MustParseAddr(addr)
		issue(t, issuer, grant)
	}
	if n := made.Load(); n != 2 {
		t.Errorf("%d signatures, want one for inside and one for outside", n)
	}
}

func TestANewKeySharesNoOldToken(t *testing.T) {
	old, _ := countingKey(t, free)
	issuer := newSharingIssuer(t, old, nil)
	next := generateKey(t, token.ES256)
	first := issue(t, issuer, aliceMay("pull"))
	if err := errors.Join(issuer.Keys().Add(next), issuer.Keys().Promote(next.ID()), issuer.Keys().Retire(old.ID())); err != nil {
		t.Fatal(err)
	}
	second := issue(t, issuer, aliceMay("pull"))
	if header, _ := decode(t, second.Value); second.Shared || second.ID == first.ID || header["kid"] != next.ID() {
		t.Errorf("after the change: %+v of %v", second, header["kid"])
	}
}

func TestSharedTokensAreBounded(t *testing.T) {
	key, made := countingKey(t, free)
	issuer := newSharingIssuer(t, key, func(c *token.IssuerConfig) { c.MaxShared = 2 })
	for range 3 {
		for _, action := range []string{"pull", "push", "delete"} {
			issue(t, issuer, aliceMay(action))
		}
	}
	if n := made.Load(); n != 2+3 {
		t.Errorf("%d signatures, want one for each of two and three for the third", n)
	}
}

func TestATokenThatCannotBeMadeIsNotShared(t *testing.T) {
	down := errors.New("the device is gone")
	fault := down
	key, _ := countingKey(t, func() error { return fault })
	issuer := newSharingIssuer(t, key, func(c *token.IssuerConfig) { c.MaxShared = 1 })
	for range 2 {
		if issued, err := issuer.Issue(t.Context(), aliceMay("pull")); !errors.Is(err, down) || issued != (token.Token{}) {
			t.Errorf("issued %+v, error %v", issued, err)
		}
	}
	fault = nil
	if first, second := issue(t, issuer, aliceMay("pull")), issue(t, issuer, aliceMay("pull")); first.Shared || !second.Shared {
		t.Errorf("after the fault: shared %v, then %v", first.Shared, second.Shared)
	}
}

func TestNobodyWaitsForASharedTokenLongerThanAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signing := make(chan struct{})
		key, _ := countingKey(t, func() error { <-signing; return nil })
		issuer := newSharingIssuer(t, key, nil)
		var wait sync.WaitGroup
		wait.Go(func() { issue(t, issuer, aliceMay("pull")) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if issued, err := issuer.Issue(ctx, aliceMay("pull")); !errors.Is(err, context.DeadlineExceeded) || issued != (token.Token{}) {
			t.Errorf("issued %+v, error %v", issued, err)
		}
		close(signing)
		wait.Wait()
	})
}

func TestNothingIsSharedUnlessAskedFor(t *testing.T) {
	issuer := newIssuer(t, newKeySet(t, generateKey(t, token.ES256)), nil)
	if first, second := issue(t, issuer, aliceMay("pull")), issue(t, issuer, aliceMay("pull")); first.ID == second.ID || second.Shared {
		t.Errorf("two requests have the token %s", first.ID)
	}
}

func TestSharingIsChecked(t *testing.T) {
	keys := newKeySet(t, generateKey(t, token.ES256))
	for name, config := range map[string]token.IssuerConfig{
		"more than a quarter of the lifetime": {ShareFor: 76 * time.Second},
		"less than a minute left":             {Lifetime: 70 * time.Second, ShareFor: 11 * time.Second},
		"a negative time":                     {ShareFor: -time.Second},
		"a negative number":                   {ShareFor: time.Second, MaxShared: -1},
	} {
		config.Name, config.Keys = issuerName, keys
		if _, err := token.NewIssuer(config); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func BenchmarkIssueShared(b *testing.B) {
	keys := newKeySet(b, generateKey(b, token.ES256))
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: issuerName, Keys: keys, ShareFor: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	grant := aliceMay("pull", "push")
	b.ReportAllocs()
	for b.Loop() {
		issue(b, issuer, grant)
	}
}
