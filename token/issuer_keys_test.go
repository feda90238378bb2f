package token_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

func TestAnIssuerSignsWithAllKindsOfKeys(t *testing.T) {
	key, authority, clock := generateKey(t, token.ES256), generateAuthority(t), newClock()
	renewed, _ := newAuthorityKeys(t, authority, clock.Now)
	folder := t.TempDir()
	tests := []struct {
		name string
		keys token.Keys
		own  func(signing *token.Key) bool // reports whether that key is the expected one
	}{
		{"a key", key, func(k *token.Key) bool { return k == key }},
		{"a key set", newKeySet(t, key), func(k *token.Key) bool { return k == key }},
		{
			"files", token.KeyFiles(filepath.Join(folder, "key"), filepath.Join(folder, "crt")),
			func(k *token.Key) bool {
				loaded, err := token.LoadKey(filepath.Join(folder, "key"), "")
				return err == nil && k.ID() == loaded.ID()
			},
		},
		{"an authority", authority, func(k *token.Key) bool {
			return k.Certificates()[1].Equal(authority.Certificate())
		}},
		{"the keys of an authority", renewed, func(k *token.Key) bool {
			return k == renewed.KeySet().Signing()
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			issuer := newIssuer(t, test.keys, clock.Now)
			if signing := issuer.KeySet().Signing(); !test.own(signing) {
				t.Errorf("%v signs", signing)
			}
			verifier, err := issuer.Verifier(service)
			if err != nil {
				t.Fatal(err)
			}
			raw := string(issue(t, issuer, aliceMay("pull")).Value)
			if _, err := verifier.Verify(raw); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMissingKeysAreErrors(t *testing.T) {
	for name, keys := range map[string]token.Keys{
		"nothing":                     nil,
		"a nil key":                   (*token.Key)(nil),
		"a nil key set":               (*token.KeySet)(nil),
		"a nil authority":             (*token.Authority)(nil),
		"nil keys of an authority":    (*token.AuthorityKeys)(nil),
		"an empty key":                new(token.Key),
		"an empty key set":            new(token.KeySet),
		"an empty authority":          new(token.Authority),
		"empty keys of an authority":  new(token.AuthorityKeys),
		"files without names":         token.KeyFiles("", ""),
		"a key that only verifies":    publicKey(t, generateKey(t, token.ES256)),
		"a certificate without a key": token.KeyFiles("none.pem", "testdata/p256-cert.pem"),
	} {
		t.Run(name, func(t *testing.T) {
			config := token.IssuerConfig{Name: issuerName, Keys: keys}
			if issuer, err := token.NewIssuer(config); !errors.Is(err, token.ErrKey) ||
				issuer != nil {
				t.Errorf("issuer %v, error %v", issuer, err)
			}
		})
	}
}

func TestAWrongConfigWritesNoKeyFiles(t *testing.T) {
	folder := t.TempDir()
	keys := token.KeyFiles(filepath.Join(folder, "auth.key"), filepath.Join(folder, "auth.crt"))
	for _, config := range []token.IssuerConfig{
		{Keys: keys}, {Name: issuerName, Keys: keys, Lifetime: time.Second},
	} {
		if _, err := token.NewIssuer(config); err == nil {
			t.Errorf("%+v is accepted", config)
		}
	}
	if entries, err := os.ReadDir(folder); len(entries) != 0 || err != nil {
		t.Errorf("the folder has %v, error %v", entries, err)
	}
}

// Otherwise the keys of an issuer with another clock than time.Now would end before its tokens.
func TestTheKeysOfAnAuthorityHaveTheClockOfTheIssuer(t *testing.T) {
	authority, clock := generateAuthority(t), newClock()
	clock.Advance(30 * 24 * time.Hour)
	issuer := newIssuer(t, authority, clock.Now)
	begin := issuer.KeySet().Signing().Certificates()[0].NotBefore
	if want := clock.Now().Add(-time.Hour); !begin.Equal(want) {
		t.Errorf("the certificate begins at %v, want %v", begin, want)
	}
	clock.Advance(20 * time.Hour)
	if n := len(issuer.KeySet().Keys()); n != 2 {
		t.Errorf("%d keys after most of a lifetime", n)
	}
}

func TestInsecureLifetimeIsBounded(t *testing.T) {
	const hour, day, year = time.Hour, 24 * time.Hour, 365 * 24 * time.Hour
	key := generateKey(t, token.ES256)
	renewed, _ := newAuthorityKeys(t, generateAuthority(t), nil) // for 24 hours
	tests := []struct {
		name               string
		keys               token.Keys
		lifetime, insecure time.Duration
		want               time.Duration // zero: an error
	}{
		{"four hours", key, 0, 4 * hour, 4 * hour},
		{"a minute", key, 0, time.Minute, time.Minute},
		{"a year", key, 0, year, year},
		{"less than a minute", key, 0, time.Minute - 1, 0},
		{"more than a year", key, 0, year + 1, 0},
		{"negative", key, 0, -hour, 0},
		{"both", key, time.Minute, 4 * hour, 0},
		{"both, the same", key, hour, hour, 0},
		{"two thirds of the keys of an authority", renewed, 0, 16 * hour, 16 * hour},
		{"longer than they sign", renewed, 0, 16*hour + 1, 0},
		{"longer than those that the issuer makes", generateAuthority(t), 0, day, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			issuer, err := token.NewIssuer(token.IssuerConfig{
				Name: issuerName, Keys: test.keys,
				Lifetime: test.lifetime, InsecureLifetime: test.insecure,
			})
			if (err == nil) != (test.want != 0) {
				t.Fatalf("error %v", err)
			}
			if err == nil && issue(t, issuer, aliceMay("pull")).Lifetime != test.want {
				t.Errorf("the lifetime is not %v", test.want)
			}
		})
	}
}

// The set has the replaced key until the last token of it has expired, however long that takes.
func TestLongLivedTokensAreVerifiedAfterTheirKeyWasReplaced(t *testing.T) {
	clock := newClock()
	keys, _ := newAuthorityKeys(t, generateAuthority(t), clock.Now)
	issuer, err := token.NewIssuer(token.IssuerConfig{
		Name: issuerName, Keys: keys, InsecureLifetime: 6 * time.Hour, Now: clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := issuer.Verifier(service)
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(16 * time.Hour) // the next key is made
	old := issuer.KeySet().Signing()
	issued := issue(t, issuer, aliceMay("pull"))
	for range 6*60 - 1 {
		clock.Advance(time.Minute)
		if _, err := verifier.Verify(string(issued.Value)); err != nil {
			t.Fatalf("at %v: %v", clock.Now().Sub(issued.IssuedAt), err)
		}
	}
	if issuer.KeySet().Signing() == old {
		t.Error("the key was not replaced")
	}
}
