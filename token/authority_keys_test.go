package token_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// newAuthorityKeys makes keys that live for a day by the clock. What they log goes to the buffer.
func newAuthorityKeys(
	tb testing.TB, authority *token.Authority, now func() time.Time,
) (*token.AuthorityKeys, *bytes.Buffer) {
	tb.Helper()
	var log bytes.Buffer
	keys, err := authority.NewKeys(token.AuthorityKeysConfig{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Now:    now,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return keys, &log
}

func rootsVerifier(tb testing.TB, roots *x509.CertPool, now func() time.Time) *token.Verifier {
	tb.Helper()
	verifier, err := token.NewVerifier(token.VerifierConfig{
		Issuer: issuerName, Audience: service, Roots: roots, Now: now,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return verifier
}

func TestTheLifeOfAKeyBelowAnAuthority(t *testing.T) {
	authority, clock := generateAuthority(t), newClock()
	begin := clock.Now()
	keys, _ := newAuthorityKeys(t, authority, clock.Now)
	set := keys.KeySet()
	first := set.Signing()
	var second *token.Key
	steps := []struct {
		name    string
		after   time.Duration // since the first key was made
		signing func() *token.Key
		count   int
	}{
		{"it signs", 0, func() *token.Key { return first }, 1},
		{
			"just before two thirds of its life", 16*time.Hour - time.Second,
			func() *token.Key { return first }, 1,
		},
		{"then the next one is published", 16 * time.Hour, func() *token.Key { return first }, 2},
		{
			"and signs five minutes later", 16*time.Hour + 5*time.Minute,
			func() *token.Key { return second }, 2,
		},
		{
			"while the first verifies for an hour and some minutes", 17*time.Hour + 10*time.Minute,
			func() *token.Key { return second }, 2,
		},
		{
			"until its tokens have expired everywhere", 17*time.Hour + 11*time.Minute,
			func() *token.Key { return second }, 1,
		},
	}
	for _, step := range steps {
		clock.Set(begin.Add(step.after))
		signing, list := set.Signing(), set.Keys()
		if second == nil && len(list) == 2 {
			second = list[1]
		}
		if signing != step.signing() || len(list) != step.count {
			t.Errorf("%s: %v signs of %v", step.name, signing, list)
		}
		if !bytes.Equal(set.BundlePEM(), authority.CertificatePEM()) {
			t.Errorf("%s: the bundle is not the authority alone", step.name)
		}
		published, err := token.ParseJWKS(set.JWKS())
		if err != nil || !slices.Equal(ids(published), ids(set)) {
			t.Errorf("%s: the JWKS is of %v, %v", step.name, published, err)
		}
		if warnings := signing.Warnings(); len(warnings) != 0 {
			t.Errorf("%s: warnings %q", step.name, warnings)
		}
	}
}

func TestTokensOfAnAuthoritysKeysAreVerified(t *testing.T) {
	authority, clock := generateAuthority(t), newClock()
	keys, _ := newAuthorityKeys(t, authority, clock.Now)
	issuer := newIssuer(t, keys.KeySet(), clock.Now)
	own, err := issuer.Verifier(service)
	if err != nil {
		t.Fatal(err)
	}
	byRoots := rootsVerifier(t, rootsOf(authority), clock.Now)
	other := rootsVerifier(t, rootsOf(generateAuthority(t)), clock.Now)
	bundle, err := token.ParseBundle(keys.KeySet().BundlePEM())
	if err != nil {
		t.Fatal(err)
	}
	for range 30 { // five days
		raw := string(issue(t, issuer, aliceMay("pull")).Value)
		for name, verifier := range map[string]*token.Verifier{
			"the set": own, "the authority": byRoots,
		} {
			if _, err := verifier.Verify(raw); err != nil {
				t.Fatalf("by %s: %v", name, err)
			}
		}
		if _, err := other.Verify(raw); !errors.Is(err, token.ErrUnknownKey) {
			t.Fatalf("by another authority: %v", err)
		}
		if _, err := newVerifier(t, bundle).Verify(raw); !errors.Is(err, token.ErrUnknownKey) {
			t.Fatalf("by the authority's own key: %v", err)
		}
		clock.Advance(4 * time.Hour)
	}
}

// A replica's JWKS has its own keys only, so verifiers of several replicas need the authority.
func TestOnlyTheAuthorityVerifiesTheTokensOfAllReplicas(t *testing.T) {
	authority := generateAuthority(t)
	one, _ := newAuthorityKeys(t, authority, nil)
	other, _ := newAuthorityKeys(t, authority, nil)
	fetched, err := token.ParseJWKS(one.KeySet().JWKS())
	if err != nil {
		t.Fatal(err)
	}
	byJWKS, byRoots := newVerifier(t, fetched), rootsVerifier(t, rootsOf(authority), nil)
	for _, test := range []struct {
		keys   *token.AuthorityKeys
		byJWKS error
	}{{one, nil}, {other, token.ErrUnknownKey}} {
		raw := string(issue(t, newIssuer(t, test.keys.KeySet(), nil), aliceMay("pull")).Value)
		if _, err := byJWKS.Verify(raw); !errors.Is(err, test.byJWKS) {
			t.Errorf("by the JWKS of one: error %v, want %v", err, test.byJWKS)
		}
		if _, err := byRoots.Verify(raw); err != nil {
			t.Errorf("by the authority: %v", err)
		}
	}
}

// An hour's token is issued at every moment of two weeks, with pauses that are longer than a key's
// life. A registry has no leeway for certificates.
func TestNoTokenOutlivesItsCertificate(t *testing.T) {
	authority, clock := generateAuthority(t), newClock()
	keys, log := newAuthorityKeys(t, authority, clock.Now)
	issuer, err := token.NewIssuer(token.IssuerConfig{
		Name: issuerName, Keys: keys.KeySet(), Lifetime: time.Hour, Now: clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		issued := issue(t, issuer, aliceMay("pull"))
		last := issued.ExpiresAt.Add(token.DefaultLeeway - time.Second)
		byRoots := rootsVerifier(t, rootsOf(authority), func() time.Time { return last })
		if _, err := byRoots.Verify(string(issued.Value)); err != nil {
			t.Fatalf("refused before its end: %v", err)
		}
		if n := len(keys.KeySet().Keys()); n > 3 {
			t.Fatalf("%d keys", n)
		}
		step := 7 * time.Minute
		if i%100 == 99 {
			step = time.Duration(i) * time.Minute
		}
		clock.Advance(step)
	}
	if err := keys.Err(); err != nil || strings.Contains(log.String(), "ERROR") {
		t.Errorf("%v, logged %s", err, log)
	}
}

// slowSigner is an authority's device.
type slowSigner struct {
	crypto.Signer
	before atomic.Pointer[func() error]
}

func (s *slowSigner) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if before := s.before.Load(); before != nil {
		if err := (*before)(); err != nil {
			return nil, err
		}
	}
	return s.Signer.Sign(r, digest, opts)
}

func newSlowAuthority(t *testing.T, life time.Duration) (*token.Authority, *slowSigner) {
	t.Helper()
	signer := &slowSigner{Signer: generateECDSA(t)}
	certificate := certify(t, &x509.Certificate{
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, signer)
	key, err := token.NewKey(signer, certificate)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := token.NewAuthority(key)
	if err != nil {
		t.Fatal(err)
	}
	return authority, signer
}

func TestTheOldKeySignsWhileTheNextOneIsMade(t *testing.T) {
	clock := newClock()
	authority, signer := newSlowAuthority(t, 365*24*time.Hour)
	keys, _ := newAuthorityKeys(t, authority, clock.Now)
	issuer := newIssuer(t, keys.KeySet(), clock.Now)
	first := keys.KeySet().Signing()
	begun, finish := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	wait := func() error {
		calls.Add(1)
		close(begun) // panics at a second call
		<-finish
		return nil
	}
	signer.before.Store(&wait)
	clock.Advance(17 * time.Hour)
	var renewing sync.WaitGroup
	renewing.Go(func() { keys.KeySet().Signing() })
	<-begun
	for range 100 {
		issue(t, issuer, aliceMay("pull"))
		if keys.KeySet().Signing() != first {
			t.Fatal("a key signs that is not ready")
		}
	}
	close(finish)
	renewing.Wait()
	clock.Advance(5 * time.Minute)
	if keys.KeySet().Signing() == first || calls.Load() != 1 {
		t.Errorf("%d certificates made, the first key still signs: %v",
			calls.Load(), keys.KeySet().Signing() == first)
	}
}

// However long it takes to make a key: verifiers have all of the time to fetch it before it signs.
func TestAKeyIsPublishedForAllOfItsTime(t *testing.T) {
	clock := newClock()
	authority, signer := newSlowAuthority(t, 365*24*time.Hour)
	keys, _ := newAuthorityKeys(t, authority, clock.Now)
	first := keys.KeySet().Signing()
	slowly := func() error { clock.Advance(10 * time.Minute); return nil }
	signer.before.Store(&slowly)
	clock.Advance(17 * time.Hour)
	keys.KeySet().Signing() // makes the next one
	if n := len(keys.KeySet().Keys()); n != 2 {
		t.Fatalf("%d keys are published", n)
	}
	clock.Advance(5*time.Minute - time.Second)
	if keys.KeySet().Signing() != first {
		t.Error("the next key signs before it was published for five minutes")
	}
	clock.Advance(2 * time.Second)
	if keys.KeySet().Signing() == first {
		t.Error("the next key does not sign")
	}
}

func TestAfterALongPauseOneNewKeyIsMadeForAll(t *testing.T) {
	clock := newClock()
	authority, signer := newSlowAuthority(t, 365*24*time.Hour)
	keys, _ := newAuthorityKeys(t, authority, clock.Now)
	issuer := newIssuer(t, keys.KeySet(), clock.Now)
	var calls atomic.Int32
	count := func() error { calls.Add(1); return nil }
	signer.before.Store(&count)
	clock.Advance(100 * time.Hour)
	verifier := rootsVerifier(t, rootsOf(authority), clock.Now)
	var requests sync.WaitGroup
	for range 16 {
		requests.Go(func() {
			issued, err := issuer.Issue(t.Context(), aliceMay("pull"))
			if err == nil {
				_, err = verifier.Verify(string(issued.Value))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	requests.Wait()
	if calls.Load() != 1 {
		t.Errorf("%d certificates made", calls.Load())
	}
}

func TestWithoutANewKeyTheOldOneSignsUntilItsEnd(t *testing.T) {
	clock := newClock()
	begin := clock.Now()
	authority, signer := newSlowAuthority(t, 365*24*time.Hour)
	keys, log := newAuthorityKeys(t, authority, clock.Now)
	issuer := newIssuer(t, keys.KeySet(), clock.Now)
	gone := errors.New("the device is gone")
	var calls atomic.Int32
	fail := func() error { calls.Add(1); return gone }
	signer.before.Store(&fail)

	end := begin.Add(24 * time.Hour)
	for clock.Now().Before(end.Add(-6 * time.Minute)) { // a token of five minutes, and a minute
		issue(t, issuer, aliceMay("pull"))
		clock.Advance(time.Minute)
	}
	if !errors.Is(keys.Err(), gone) || strings.Count(log.String(), "level=ERROR") != 1 {
		t.Errorf("Err = %v, logged %s", keys.Err(), log)
	}
	before := calls.Load()
	clock.Advance(time.Minute)
	for range 10 {
		_, err := issuer.Issue(t.Context(), aliceMay("pull"))
		if !errors.Is(err, gone) || !errors.Is(err, token.ErrKey) {
			t.Fatalf("a token that outlives its certificate, or another error: %v", err)
		}
	}
	if tries := calls.Load() - before; tries != 1 {
		t.Errorf("the device is asked %d times by ten requests", tries)
	}

	signer.before.Store(nil)
	clock.Advance(10 * time.Second)
	issue(t, issuer, aliceMay("pull"))
	if err := keys.Err(); err != nil {
		t.Errorf("mended, but Err = %v", err)
	}
}

func TestThePanicOfAnAuthoritysSignerIsAnError(t *testing.T) {
	authority, signer := newSlowAuthority(t, time.Hour)
	fail := func() error { panic("bug") }
	signer.before.Store(&fail)
	if _, err := authority.GenerateKey("", time.Hour); err == nil ||
		!strings.Contains(err.Error(), "panicked") {
		t.Errorf("error %v", err)
	}
}

func TestTheEndOfAnAuthorityIsSeenBefore(t *testing.T) {
	clock := newClock()
	authority, signer := newSlowAuthority(t, 30*time.Hour)
	keys, log := newAuthorityKeys(t, authority, clock.Now)
	issuer := newIssuer(t, keys.KeySet(), clock.Now)
	var calls atomic.Int32
	count := func() error { calls.Add(1); return nil }
	signer.before.Store(&count)
	end := authority.Certificate().NotAfter
	for clock.Now().Add(6 * time.Minute).Before(end) {
		issue(t, issuer, aliceMay("pull"))
		clock.Advance(time.Minute)
	}
	if err := keys.Err(); !errors.Is(err, token.ErrBadCertificate) ||
		strings.Count(log.String(), "level=ERROR") != 1 {
		t.Errorf("Err = %v, logged %s", err, log)
	}
	clock.Advance(time.Minute)
	_, err := issuer.Issue(t.Context(), aliceMay("pull"))
	if !errors.Is(err, token.ErrBadCertificate) {
		t.Errorf("a token that outlives the authority: %v", err)
	}
	if calls.Load() != 1 {
		t.Errorf("%d certificates made", calls.Load())
	}
}

func TestRenewSignsAtOnce(t *testing.T) {
	keys, _ := newAuthorityKeys(t, generateAuthority(t), nil)
	leaked := keys.KeySet().Signing()
	if err := keys.Renew(); err != nil {
		t.Fatal(err)
	}
	if keys.KeySet().Signing() == leaked {
		t.Error("the old key signs")
	}
	if err := keys.KeySet().Retire(leaked.ID()); err != nil {
		t.Error(err)
	}
	if len(keys.KeySet().Keys()) != 1 {
		t.Errorf("the keys are %v", keys.KeySet().Keys())
	}
}

// By the clock that registries have as well, the certificate is always valid.
func TestTheClockMayBeSet(t *testing.T) {
	authority, clock := generateAuthority(t), newClock()
	keys, _ := newAuthorityKeys(t, authority, clock.Now)
	issuer := newIssuer(t, keys.KeySet(), clock.Now)
	verifier := rootsVerifier(t, rootsOf(authority), clock.Now)
	begin := clock.Now()
	for _, offset := range []time.Duration{
		0, time.Hour, -30 * time.Minute, 20 * time.Hour, 0, 5 * 365 * 24 * time.Hour, 0,
		48 * time.Hour, 0,
	} {
		clock.Set(begin.Add(offset))
		if _, err := verifier.Verify(string(issue(t, issuer, aliceMay("pull")).Value)); err != nil {
			t.Errorf("at %v: %v", offset, err)
		}
	}
	// Before the authority's own time nothing is valid, and nothing breaks.
	clock.Set(begin.Add(-10 * 365 * 24 * time.Hour))
	issue(t, issuer, aliceMay("pull"))
	if keys.Err() == nil {
		t.Error("no error")
	}
	clock.Set(begin)
	if _, err := verifier.Verify(string(issue(t, issuer, aliceMay("pull")).Value)); err != nil {
		t.Error(err)
	}
}

func TestAuthorityKeysMayBeChangedByHand(t *testing.T) {
	clock := newClock()
	keys, _ := newAuthorityKeys(t, generateAuthority(t), clock.Now)
	set, leaf, own := keys.KeySet(), keys.KeySet().Signing(), generateKey(t, token.ES256)
	if err := errors.Join(set.Add(own), set.Promote(own.ID())); err != nil {
		t.Fatal(err)
	}
	bundle, err := token.ParseBundle(set.BundlePEM())
	if err != nil || len(bundle.Keys()) != 2 || bundle.Keys()[1].ID() != own.ID() {
		t.Errorf("the bundle is of %v, %v", bundle, err)
	}
	issue(t, newIssuer(t, set, clock.Now), aliceMay("pull"))
	clock.Advance(17 * time.Hour)
	set.Signing()
	clock.Advance(5 * time.Minute)
	if signing := set.Signing(); signing == own || signing == leaf {
		t.Errorf("%v signs", signing)
	}
	clock.Advance(2 * time.Hour)
	if list := set.Keys(); len(list) != 1 || list[0] != set.Signing() {
		t.Errorf("the keys are %v", list)
	}
}

func TestAuthorityConfigIsChecked(t *testing.T) {
	authority := generateAuthority(t)
	tests := []struct {
		name   string
		config token.AuthorityKeysConfig
		valid  bool
	}{
		{"the least", token.AuthorityKeysConfig{}, true},
		{"a short lifetime", token.AuthorityKeysConfig{Lifetime: token.MinKeyLifetime}, true},
		{
			"too short a lifetime",
			token.AuthorityKeysConfig{Lifetime: token.MinKeyLifetime - 1},
			false,
		},
		{
			"published for longer than a sixth",
			token.AuthorityKeysConfig{Lifetime: time.Hour, PublishFirst: 11 * time.Minute},
			false,
		},
		{"never published first", token.AuthorityKeysConfig{PublishFirst: -1}, true},
		{"an unknown algorithm", token.AuthorityKeysConfig{Algorithm: "HS256"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			keys, err := authority.NewKeys(test.config)
			if (err == nil) != test.valid || (keys != nil) != test.valid {
				t.Errorf("error %v", err)
			}
		})
	}
	short, err := authority.NewKeys(token.AuthorityKeysConfig{Lifetime: 30 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	_, err = token.NewIssuer(token.IssuerConfig{
		Name: issuerName, Keys: short.KeySet(), Lifetime: time.Hour,
	})
	if !errors.Is(err, token.ErrBadCertificate) {
		t.Errorf("tokens that live longer than their key: %v", err)
	}
}

// Keys are renewed every few minutes while tokens are issued and, up to a minute later, verified,
// also by clients that fetch the JWKS once a minute.
func TestRenewalFailsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		authority := generateAuthority(t)
		keys, err := authority.NewKeys(token.AuthorityKeysConfig{
			Lifetime: token.MinKeyLifetime, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		issuer, err := token.NewIssuer(token.IssuerConfig{
			Name: issuerName, Keys: keys.KeySet(), Lifetime: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		byRoots := rootsVerifier(t, rootsOf(authority), nil)
		var fetched atomic.Pointer[token.Verifier] // a minute old at most
		fetch := func() {
			published, err := token.ParseJWKS(keys.KeySet().JWKS())
			if err != nil {
				t.Error(err)
				return
			}
			fetched.Store(newVerifier(t, published))
		}
		fetch()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var running sync.WaitGroup
		running.Go(func() {
			for ctx.Err() == nil {
				time.Sleep(time.Minute)
				fetch()
			}
		})
		begun := time.Now()
		for i := range 12 {
			running.Go(func() {
				for ctx.Err() == nil {
					issued, err := issuer.Issue(t.Context(), aliceMay("pull"))
					if err != nil {
						t.Errorf("not issued: %v", err)
						return
					}
					time.Sleep(time.Duration(5*i) * time.Second) // on the way to the registry
					for _, verifier := range []*token.Verifier{byRoots, fetched.Load()} {
						if _, err := verifier.Verify(string(issued.Value)); err != nil {
							t.Errorf("refused: %v", err)
							return
						}
					}
					// Several requests begin at the same time.
					time.Sleep(20*time.Second - time.Since(begun)%(20*time.Second))
				}
			})
		}
		seen := map[string]bool{}
		for ctx.Err() == nil {
			seen[keys.KeySet().Signing().ID()] = true
			time.Sleep(20 * time.Second)
		}
		running.Wait()
		if len(seen) < 6 {
			t.Errorf("%d keys in an hour", len(seen))
		}
	})
}
