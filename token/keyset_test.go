package token_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

func publicKey(tb testing.TB, key *token.Key) *token.Key {
	tb.Helper()
	public, err := token.NewPublicKey(key.Public(), key.Certificates()...)
	if err != nil {
		tb.Fatal(err)
	}
	return public
}

func TestKeysAreAddedPromotedAndRetired(t *testing.T) {
	a, b, c := generateKey(t, token.ES256), generateKey(t, token.ES256), generateKey(t, token.EdDSA)
	keys := newKeySet(t, a)
	unknown := publicKey(t, c)
	steps := []struct {
		name    string
		do      func() error
		want    error
		signing *token.Key
		list    []*token.Key
	}{
		{"add b", func() error { return keys.Add(b) }, nil, a, []*token.Key{a, b}},
		{
			"add c, that only verifies", func() error { return keys.Add(unknown) }, nil, a,
			[]*token.Key{a, b, unknown},
		},
		{
			"add nil", func() error { return keys.Add(nil) }, token.ErrKey, a,
			[]*token.Key{a, b, unknown},
		},
		{
			"promote a key that only verifies", func() error { return keys.Promote(c.ID()) },
			token.ErrPublicOnly, a,
			[]*token.Key{a, b, unknown},
		},
		{
			"promote an unknown key", func() error { return keys.Promote("x") }, token.ErrNotInSet,
			a,
			[]*token.Key{a, b, unknown},
		},
		{
			"retire the signing key", func() error { return keys.Retire(a.ID()) },
			token.ErrKeyInUse, a,
			[]*token.Key{a, b, unknown},
		},
		{
			"retire an unknown key", func() error { return keys.Retire("") }, token.ErrNotInSet, a,
			[]*token.Key{a, b, unknown},
		},
		{
			"promote b", func() error { return keys.Promote(b.ID()) }, nil, b,
			[]*token.Key{a, b, unknown},
		},
		{"retire a", func() error { return keys.Retire(a.ID()) }, nil, b, []*token.Key{b, unknown}},
		{
			"retire a again", func() error { return keys.Retire(a.ID()) }, token.ErrNotInSet, b,
			[]*token.Key{b, unknown},
		},
		{
			"replace c by its private key", func() error { return keys.Add(c) }, nil, b,
			[]*token.Key{b, c},
		},
		{
			"replace b, that signs, by its public key",
			func() error { return keys.Add(publicKey(t, b)) }, token.ErrPublicOnly, b,
			[]*token.Key{b, c},
		},
		{"promote c", func() error { return keys.Promote(c.ID()) }, nil, c, []*token.Key{b, c}},
	}
	for _, step := range steps {
		if err := step.do(); !errors.Is(err, step.want) {
			t.Errorf("%s: error %v, want %v", step.name, err, step.want)
		}
		if keys.Signing() != step.signing || !slices.Equal(keys.Keys(), step.list) {
			t.Errorf("%s: %v signs of %v", step.name, keys.Signing(), keys.Keys())
		}
	}
}

func TestTheLastVerifyingKeyIsNotRetired(t *testing.T) {
	key := publicKey(t, generateKey(t, token.ES256))
	keys := newKeySet(t, nil, key)
	if err := keys.Retire(key.ID()); !errors.Is(err, token.ErrKeyInUse) {
		t.Errorf("error %v", err)
	}
}

func TestNewKeySetRefuses(t *testing.T) {
	key := generateKey(t, token.ES256)
	tests := []struct {
		name    string
		signing *token.Key
		others  []*token.Key
	}{
		{"no key", nil, nil},
		{"a nil key", key, []*token.Key{nil}},
		{"a key twice", key, []*token.Key{publicKey(t, key)}},
		{"a signing key that only verifies", publicKey(t, key), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if keys, err := token.NewKeySet(test.signing, test.others...); err == nil ||
				keys != nil {
				t.Error("no error")
			}
		})
	}
}

func TestARenewedCertificateIsInTheNextToken(t *testing.T) {
	key := generateKey(t, token.ES256)
	keys := newKeySet(t, key)
	renewed, err := key.SelfSigned("renewed", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Add(renewed); err != nil {
		t.Fatal(err)
	}
	if keys.Signing() != renewed || len(keys.Keys()) != 1 {
		t.Errorf("%v signs of %v", keys.Signing(), keys.Keys())
	}
	header, _ := decode(t, issue(t, newIssuer(t, keys, nil), aliceMay("pull")).Value)
	if want := []any{x5cOf(renewed)[0]}; !reflect.DeepEqual(header["x5c"], want) {
		t.Errorf("the token carries the certificates %v", header["x5c"])
	}
}

// Tokens are issued and verified without a pause during rotations. A key is retired when no token
// of it is in use any more.
func TestRotationFailsNoRequest(t *testing.T) {
	keys := newKeySet(t, generateKey(t, token.ES256))
	issuer := newIssuer(t, keys, nil)
	verifier, err := issuer.Verifier(service)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var inFlight sync.RWMutex // held by a request; retiring waits for those that began before
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				inFlight.RLock()
				issued, err := issuer.Issue(t.Context(), aliceMay("pull"))
				if err == nil {
					_, err = verifier.Verify(string(issued.Value))
				}
				inFlight.RUnlock()
				if err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
				keys.JWKS()
				keys.BundlePEM()
			}
		})
	}
	for range 20 {
		old, next := keys.Signing(), generateKey(t, token.ES256)
		if err := errors.Join(keys.Add(next), keys.Promote(next.ID())); err != nil {
			t.Error(err)
		}
		inFlight.Lock()
		err := keys.Retire(old.ID())
		inFlight.Unlock()
		if err != nil {
			t.Error(err)
		}
	}
	cancel()
	wg.Wait()
}
