package share_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/share"
)

const service = "registry.example.com"

// device is a signer that counts its signatures, and calls before first.
type device struct {
	crypto.Signer
	made   atomic.Int64
	before func() error
}

func (d *device) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if d.before != nil {
		d.made.Add(1)
		if err := d.before(); err != nil {
			return nil, err
		}
	}
	return d.Signer.Sign(r, digest, opts)
}

// newKey returns a key in a device that counts from now on.
func newKey(tb testing.TB, before func() error) (*token.Key, *device) {
	tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	d := &device{Signer: private}
	key, err := token.NewKey(d)
	if err != nil {
		tb.Fatal(err)
	}
	d.before = before
	return key, d
}

// newIssuer returns an issuer whose tokens live for five minutes and are shared for half of one.
func newIssuer(tb testing.TB, key *token.Key, change func(*share.Config)) *share.Issuer {
	tb.Helper()
	keys, err := token.NewKeySet(key)
	if err != nil {
		tb.Fatal(err)
	}
	inner, err := token.NewIssuer(token.IssuerConfig{Name: "auth.example.com", Keys: keys})
	if err != nil {
		tb.Fatal(err)
	}
	config := share.Config{For: 30 * time.Second}
	if change != nil {
		change(&config)
	}
	return newSharing(tb, inner, config)
}

func newSharing(tb testing.TB, inner issuer, config share.Config) *share.Issuer {
	tb.Helper()
	shared, err := share.New(inner, config)
	if err != nil {
		tb.Fatal(err)
	}
	return shared
}

type issuer interface {
	Issue(ctx context.Context, request token.Request) (token.Token, error)
}

// issuerFunc is an issuer without a key set.
type issuerFunc func(ctx context.Context, request token.Request) (token.Token, error)

func (f issuerFunc) Issue(ctx context.Context, r token.Request) (token.Token, error) {
	return f(ctx, r)
}

func issue(tb testing.TB, issuer *share.Issuer, request token.Request) token.Token {
	tb.Helper()
	issued, err := issuer.Issue(tb.Context(), request)
	if err != nil {
		tb.Fatal(err)
	}
	return issued
}

func aliceMay(actions ...string) token.Request {
	access := []scope.Scope{{Type: "repository", Name: "alice/app", Actions: actions}}
	return token.Request{Subject: "alice", Audience: service, Access: access}
}

func ready() error { return nil }

func TestAThousandIdenticalRequestsCostOneSignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signing := make(chan struct{})
		key, signer := newKey(t, func() error { <-signing; return nil })
		issuer := newIssuer(t, key, nil)
		var tokens [1000]token.Token
		var wait sync.WaitGroup
		for i := range tokens {
			wait.Go(func() { tokens[i] = issue(t, issuer, aliceMay("pull")) })
		}
		synctest.Wait() // one signs, and all others wait for it
		close(signing)
		wait.Wait()
		if n := signer.made.Load(); n != 1 {
			t.Errorf("%d signatures", n)
		}
		for _, issued := range tokens {
			if issued.Value != tokens[0].Value || issued.ID != tokens[0].ID {
				t.Fatal("two requests have different tokens")
			}
		}
		verifier, err := token.NewVerifier(token.VerifierConfig{
			Issuer: "auth.example.com", Audience: service, Keys: issuer.KeySet(),
		})
		if err != nil {
			t.Fatal(err)
		}
		claims, err := verifier.Verify(string(tokens[0].Value))
		if err != nil || claims.Subject != "alice" {
			t.Errorf("claims %+v, error %v", claims, err)
		}
	})
}

func TestOnlyTheSameQuestionSharesAToken(t *testing.T) {
	app := func(actions ...string) scope.Scope {
		return scope.Scope{Type: "repository", Name: "alice/app", Actions: actions}
	}
	access := func(list ...scope.Scope) func(*token.Request) {
		return func(r *token.Request) { r.Access = list }
	}
	tests := map[string]struct {
		change func(*token.Request)
		same   bool
	}{
		"the same":              {func(*token.Request) {}, true},
		"the same in two parts": {access(app("push"), app("pull")), true},
		"another subject":       {func(r *token.Request) { r.Subject = "alic" }, false},
		"the anonymous subject": {func(r *token.Request) { r.Subject = "" }, false},
		"another service":       {func(r *token.Request) { r.Audience += ".org" }, false},
		"fewer actions":         {access(app("pull")), false},
		"another order": {
			func(r *token.Request) { r.Access[0].Actions = []string{"push", "pull"} }, true,
		},
		"another type": {func(r *token.Request) { r.Access[0].Type = "registry" }, false},
		"another name": {func(r *token.Request) { r.Access[0].Name = "alice/ap" }, false},
		"nothing":      {access(), false},
		"a subject that takes from the service": {
			func(r *token.Request) { r.Subject, r.Audience = "alicer", r.Audience[1:] }, false,
		},
		"a name that looks like an action": {access(app("pullpush")), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key, signer := newKey(t, ready)
				issuer := newIssuer(t, key, nil)
				request := aliceMay("pull", "push")
				first := issue(t, issuer, request)
				test.change(&request)
				second := issue(t, issuer, request)
				if end := time.Now().Add(second.Lifetime); end.After(second.ExpiresAt) {
					t.Errorf("the lifetime ends at %v, the token at %v", end, second.ExpiresAt)
				}
				want := map[bool]int64{true: 1, false: 2}[test.same]
				same, made := first.Value == second.Value, signer.made.Load()
				if same != test.same || made != want {
					t.Errorf("the same: %v, %d signatures", same, made)
				}
			})
		})
	}
}

func TestExtraClaimsAndTheEndOfTheCredentialsAreShared(t *testing.T) {
	claims := func(name string, value any) func(*token.Request) {
		return func(r *token.Request) { r.Extra = map[string]any{"a": 1, name: value} }
	}
	until := func(d time.Duration) func(*token.Request) {
		return func(r *token.Request) { r.ValidUntil = r.ValidUntil.Add(d) }
	}
	tests := map[string]struct {
		change func(*token.Request)
		same   bool
	}{
		"the same":           {claims("b", []int{1}), true},
		"another value":      {claims("b", []int{2}), false},
		"another type":       {claims("b", []string{"1"}), false},
		"another name":       {claims("c", []int{1}), false},
		"one fewer":          {func(r *token.Request) { delete(r.Extra, "b") }, false},
		"none":               {func(r *token.Request) { r.Extra = nil }, false},
		"none and no rights": {func(r *token.Request) { r.Extra, r.Access = nil, nil }, false},
		"the same end":       {until(0), true},
		"the same end elsewhere": {func(r *token.Request) {
			r.ValidUntil = r.ValidUntil.In(time.FixedZone("", 3600)).Round(0)
		}, true},
		"a later end":  {until(1), false},
		"the zero end": {func(r *token.Request) { r.ValidUntil = time.Time{} }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key, signer := newKey(t, ready)
				issuer, request := newIssuer(t, key, nil), aliceMay("pull", "push")
				request.Extra = map[string]any{"b": []int{1}, "a": 1}
				request.ValidUntil = time.Now().Add(time.Hour)
				first := issue(t, issuer, request)
				test.change(&request)
				second := issue(t, issuer, request)
				same, made := first.Value == second.Value, signer.made.Load()
				if same != test.same || (made == 1) != test.same {
					t.Errorf("the same: %v, %d signatures", same, made)
				}
			})
		})
	}
}

func TestClaimsThatAreNotJSONAreAnErrorOfTheIssuer(t *testing.T) {
	key, _ := newKey(t, ready)
	request := aliceMay("pull")
	request.Extra = map[string]any{"a": make(chan int)}
	issued, err := newIssuer(t, key, nil).Issue(t.Context(), request)
	if err == nil || issued != (token.Token{}) {
		t.Errorf("issued %+v, error %v", issued, err)
	}
}

// However the requests are spread, no token ends after the credentials, but for the last minute.
func TestNoSharedTokenOutlivesTheCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, _ := newKey(t, ready)
		issuer, request := newIssuer(t, key, nil), aliceMay("pull")
		request.ValidUntil = time.Now().Add(4 * time.Minute)
		for range 240 {
			issued, now := issue(t, issuer, request), time.Now()
			end := now.Add(issued.Lifetime)
			if end.After(request.ValidUntil) && issued.Lifetime != time.Minute ||
				end.After(issued.ExpiresAt) {
				t.Errorf("at %v: %+v", now, issued)
			}
			time.Sleep(time.Second)
		}
		if _, err := issuer.Issue(t.Context(), request); !errors.Is(
			err, token.ErrCredentialsExpired) {
			t.Errorf("at the end: error %v", err)
		}
	})
}

func TestASharedTokenCountsFromNow(t *testing.T) {
	const lifetime = 5 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		key, _ := newKey(t, ready)
		issuer := newIssuer(t, key, nil)
		time.Sleep(400 * time.Millisecond)
		begun, first := time.Now(), issue(t, issuer, aliceMay("pull"))
		for _, test := range []struct {
			name     string
			after    time.Duration
			lifetime time.Duration
			shared   bool
		}{
			{"at once", 0, lifetime, true},
			{"later", 20 * time.Second, lifetime - 20*time.Second, true},
			{"just before the end", 30*time.Second - 1, lifetime - 30*time.Second, true},
			{"at the end", 30 * time.Second, lifetime, false},
			{"a year later", 365 * 24 * time.Hour, lifetime, false},
		} {
			time.Sleep(test.after - time.Since(begun))
			issued, now := issue(t, issuer, aliceMay("pull")), time.Now()
			if test.shared != (issued.ID == first.ID) {
				t.Errorf("%s: the token %s after %s", test.name, issued.ID, first.ID)
			}
			second := now.Truncate(time.Second)
			if issued.Lifetime != test.lifetime || !issued.IssuedAt.Equal(second) {
				t.Errorf("%s: for %v from %v", test.name, issued.Lifetime, issued.IssuedAt)
			}
			if end := now.Add(issued.Lifetime); end.After(issued.ExpiresAt) {
				t.Errorf("%s: until %v, and not %v", test.name, issued.ExpiresAt, end)
			}
		}
	})
}

// However long For is, a token is shared for a quarter of its lifetime and not in its last minute.
func TestTheLifetimeBoundsSharing(t *testing.T) {
	for name, test := range map[string]struct {
		lifetime, shared time.Duration
	}{
		"an hour":                     {time.Hour, 15 * time.Minute},
		"five minutes":                {5 * time.Minute, 75 * time.Second},
		"little more than a minute":   {70 * time.Second, 10 * time.Second},
		"a minute is not shared":      {time.Minute, 0},
		"half a minute is not shared": {30 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				inner := issuerFunc(func(context.Context, token.Request) (token.Token, error) {
					calls++
					now := time.Now()
					return token.Token{
						IssuedAt: now, ExpiresAt: now.Add(test.lifetime), Lifetime: test.lifetime,
					}, nil
				})
				issuer := newSharing(t, inner, share.Config{For: math.MaxInt64})
				begun := time.Now()
				for calls < 2 {
					issued := issue(t, issuer, aliceMay("pull"))
					if issued.Lifetime < min(time.Minute, test.lifetime) {
						t.Fatalf("a token has %v left", issued.Lifetime)
					}
					if calls == 1 {
						time.Sleep(time.Second)
					}
				}
				shared := time.Since(begun)
				if shared < test.shared || shared > test.shared+time.Second {
					t.Errorf("shared for %v, want %v", shared, test.shared)
				}
			})
		})
	}
}

// Concurrent requests that waited for a token which is too short to be shared get their own.
func TestAWaitingRequestGetsNoTokenInItsLastMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		inner := issuerFunc(func(context.Context, token.Request) (token.Token, error) {
			calls.Add(1)
			now := time.Now()
			time.Sleep(10 * time.Second)
			end := now.Add(time.Minute)
			return token.Token{IssuedAt: now, ExpiresAt: end, Lifetime: time.Minute}, nil
		})
		issuer := newSharing(t, inner, share.Config{For: time.Second})
		var wait sync.WaitGroup
		for range 3 {
			wait.Go(func() { issue(t, issuer, aliceMay("pull")) })
		}
		wait.Wait()
		if n := calls.Load(); n != 3 {
			t.Errorf("%d calls for three requests", n)
		}
	})
}

// Without their lengths, the parts of these pairs would be one text.
func TestQuestionsThatReadAlikeAreNotTheSame(t *testing.T) {
	one := func(kind, name string, actions ...string) scope.Scope {
		return scope.Scope{Type: kind, Name: name, Actions: actions}
	}
	list := func(scopes ...scope.Scope) []scope.Scope { return scopes }
	for name, pair := range map[string][2][]scope.Scope{
		"a name and an action": {list(one("t", "a", "bc")), list(one("t", "ab", "c"))},
		"two actions":          {list(one("t", "a", "b", "cd")), list(one("t", "a", "bc", "d"))},
		"two scopes and one": {
			list(one("t", "n", "a"), one("b", "c", "d")), list(one("t", "n", "a", "b", "c", "d")),
		},
		"a type and its name": {list(one("t", "ab", "c")), list(one("ta", "b", "c"))},
		"an action and the next": {
			list(one("t", "n", "a"), one("bt", "n", "a")),
			list(one("t", "n", "ab"), one("t", "n2", "a")),
		},
	} {
		t.Run(name, func(t *testing.T) {
			key, signer := newKey(t, ready)
			issuer := newIssuer(t, key, nil)
			for _, access := range pair {
				issue(t, issuer, token.Request{Subject: "alice", Audience: service, Access: access})
			}
			if n := signer.made.Load(); n != 2 {
				t.Errorf("%d signatures", n)
			}
		})
	}
}

// A client may ask for so much that the token is not worth keeping.
func TestTokensForManyScopesAreNotShared(t *testing.T) {
	key, signer := newKey(t, ready)
	issuer := newIssuer(t, key, nil)
	request := token.Request{Subject: "alice", Audience: service}
	for i := range 20 {
		request.Access = append(request.Access, scope.Scope{
			Type: "repository", Name: strings.Repeat("a", 50+i), Actions: []string{"pull"},
		})
	}
	for range 3 {
		issue(t, issuer, request)
	}
	if n := signer.made.Load(); n != 3 {
		t.Errorf("%d signatures", n)
	}
}

func TestTokensOfAReplacedKeyAreNotShared(t *testing.T) {
	old, _ := newKey(t, ready)
	issuer := newIssuer(t, old, nil)
	next, signer := newKey(t, ready)
	first := issue(t, issuer, aliceMay("pull"))
	keys := issuer.KeySet()
	err := errors.Join(keys.Add(next), keys.Promote(next.ID()), keys.Retire(old.ID()))
	if err != nil {
		t.Fatal(err)
	}
	second := issue(t, issuer, aliceMay("pull"))
	if second.ID == first.ID || signer.made.Load() != 1 {
		t.Errorf("after the change: %+v", second)
	}
}

// The signing key changes after it was looked up and before the token is signed. When the change is
// undone and the other key retired, nobody gets that token.
func TestATokenOfAnotherKeyIsNotKept(t *testing.T) {
	before, _ := newKey(t, ready)
	during, _ := newKey(t, ready)
	keys, err := token.NewKeySet(before, during)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := token.NewIssuer(token.IssuerConfig{Name: "auth.test", Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	promoting := promotingIssuer{inner, during.ID()}
	shared, err := share.New(promoting, share.Config{For: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	first, err := shared.Issue(t.Context(), token.Request{Audience: "registry.test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Promote(before.ID()); err != nil {
		t.Fatal(err)
	}
	second, err := shared.Issue(t.Context(), token.Request{Audience: "registry.test"})
	if err != nil {
		t.Fatal(err)
	}
	if first.ID == second.ID {
		t.Error("a token of another key is shared")
	}
}

// promotingIssuer promotes a key before each token.
type promotingIssuer struct {
	*token.Issuer

	key string
}

func (i promotingIssuer) Issue(ctx context.Context, r token.Request) (token.Token, error) {
	if err := i.KeySet().Promote(i.key); err != nil {
		return token.Token{}, err
	}
	return i.Issuer.Issue(ctx, r)
}

func TestKeptTokensAreBounded(t *testing.T) {
	key, signer := newKey(t, ready)
	issuer := newIssuer(t, key, func(c *share.Config) { c.MaxTokens = 2 })
	for range 3 {
		for _, action := range []string{"pull", "push", "delete"} { // each evicts the next
			issue(t, issuer, aliceMay(action))
		}
	}
	if n := signer.made.Load(); n != 9 {
		t.Errorf("%d signatures of nine requests", n)
	}
	issue(t, issuer, aliceMay("push"))
	issue(t, issuer, aliceMay("delete"))
	if n := signer.made.Load(); n != 9 {
		t.Errorf("%d signatures, though the last two are kept", n)
	}
}

func TestAnErrorIsNotKept(t *testing.T) {
	down := errors.New("the device is gone")
	fault := down
	key, _ := newKey(t, func() error { return fault })
	issuer := newIssuer(t, key, func(c *share.Config) { c.MaxTokens = 1 })
	for range 2 {
		issued, err := issuer.Issue(t.Context(), aliceMay("pull"))
		if !errors.Is(err, down) || issued != (token.Token{}) {
			t.Errorf("issued %+v, error %v", issued, err)
		}
	}
	fault = nil
	first, second := issue(t, issuer, aliceMay("pull")), issue(t, issuer, aliceMay("pull"))
	if first.ID != second.ID {
		t.Error("not shared after the fault")
	}
}

// waiting starts a request and waits until it waits for the one before.
func waiting(ctx context.Context, issuer *share.Issuer, wait *sync.WaitGroup) *error {
	result := new(error)
	wait.Go(func() { _, *result = issuer.Issue(ctx, aliceMay("pull")) })
	synctest.Wait()
	return result
}

func TestConcurrentRequestsShareAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down, fail := errors.New("the device is gone"), make(chan struct{})
		var calls atomic.Int64
		inner := issuerFunc(func(context.Context, token.Request) (token.Token, error) {
			calls.Add(1)
			<-fail
			return token.Token{}, down
		})
		issuer := newSharing(t, inner, share.Config{For: time.Second})
		var wait sync.WaitGroup
		first, second := waiting(t.Context(), issuer, &wait), waiting(t.Context(), issuer, &wait)
		close(fail)
		wait.Wait()
		if !errors.Is(*first, down) || !errors.Is(*second, down) || calls.Load() != 1 {
			t.Errorf("%v and %v after %d calls", *first, *second, calls.Load())
		}
	})
}

func TestAPanicDoesNotBlockOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fail, broken := make(chan struct{}), true
		inner := issuerFunc(func(context.Context, token.Request) (token.Token, error) {
			<-fail
			if broken {
				panic("bug")
			}
			return token.Token{ID: "good"}, nil
		})
		issuer := newSharing(t, inner, share.Config{For: time.Second})
		var wait sync.WaitGroup
		wait.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is hidden from the request that made the call")
				}
			}()
			_, _ = issuer.Issue(t.Context(), aliceMay("pull"))
		})
		synctest.Wait()
		second := waiting(t.Context(), issuer, &wait)
		close(fail)
		wait.Wait()
		if *second == nil {
			t.Error("the waiting request has a token")
		}
		broken = false
		if issued := issue(t, issuer, aliceMay("pull")); issued.ID != "good" {
			t.Errorf("later: %+v", issued)
		}
	})
}

func TestARequestStopsWaitingWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signing := make(chan struct{})
		key, _ := newKey(t, func() error { <-signing; return nil })
		issuer := newIssuer(t, key, nil)
		var wait sync.WaitGroup
		wait.Go(func() { issue(t, issuer, aliceMay("pull")) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		issued, err := issuer.Issue(ctx, aliceMay("pull"))
		if !errors.Is(err, context.DeadlineExceeded) || issued != (token.Token{}) {
			t.Errorf("issued %+v, error %v", issued, err)
		}
		close(signing)
		wait.Wait()
	})
}

// The client that asked first hangs up. The others are not refused for that.
func TestTheEndOfTheFirstRequestIsNotSharedAsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := issuerFunc(func(ctx context.Context, _ token.Request) (token.Token, error) {
			select {
			case <-ctx.Done():
				return token.Token{}, ctx.Err()
			case <-time.After(time.Minute):
				return token.Token{ID: "good"}, nil
			}
		})
		issuer := newSharing(t, inner, share.Config{For: time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		first, second := waiting(ctx, issuer, &wait), waiting(t.Context(), issuer, &wait)
		cancel()
		wait.Wait()
		if !errors.Is(*first, context.Canceled) || *second != nil {
			t.Errorf("the first: %v, the second: %v", *first, *second)
		}
	})
}

func TestAnIssuerWithoutAKeySetHasNone(t *testing.T) {
	inner := issuerFunc(func(context.Context, token.Request) (token.Token, error) {
		return token.Token{}, nil
	})
	if keys := newSharing(t, inner, share.Config{For: time.Second}).KeySet(); keys != nil {
		t.Errorf("the set %v", keys)
	}
}

func TestTheConfigurationIsChecked(t *testing.T) {
	inner := issuerFunc(nil)
	for name, test := range map[string]struct {
		inner  issuer
		config share.Config
	}{
		"no issuer":         {nil, share.Config{For: time.Second}},
		"no time":           {inner, share.Config{}},
		"a negative time":   {inner, share.Config{For: -time.Second}},
		"a negative number": {inner, share.Config{For: time.Second, MaxTokens: -1}},
	} {
		if issuer, err := share.New(test.inner, test.config); err == nil || issuer != nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestASharedTokenDoesNotPrint(t *testing.T) {
	key, _ := newKey(t, ready)
	issued := issue(t, newIssuer(t, key, nil), aliceMay("pull"))
	data, err := json.Marshal(issued)
	if err != nil || strings.Contains(string(data), string(issued.Value)) {
		t.Errorf("printed %s, %v", data, err)
	}
}

func BenchmarkIssue(b *testing.B) {
	key, err := token.GenerateKey("")
	if err != nil {
		b.Fatal(err)
	}
	issuer, request := newIssuer(b, key, nil), aliceMay("pull", "push")
	b.ReportAllocs()
	for b.Loop() {
		issue(b, issuer, request)
	}
}
