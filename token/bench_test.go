package token_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"github.com/berthpass/registry-auth/token"
)

// BenchmarkBareES256 is the reference for the others: it signs as many bytes as a token has.
func BenchmarkBareES256(b *testing.B) {
	keys := newKeySet(b, generateKey(b, token.ES256))
	input := []byte(issue(b, newIssuer(b, keys, nil), aliceMay("pull", "push")).Value)
	private := generateECDSA(b)
	b.ReportAllocs()
	for b.Loop() {
		digest := sha256.Sum256(input)
		if _, err := ecdsa.SignASN1(rand.Reader, private, digest[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIssue(b *testing.B) {
	for _, algorithm := range algorithms {
		b.Run(string(algorithm), func(b *testing.B) {
			issuer := newIssuer(b, newKeySet(b, generateKey(b, algorithm)), nil)
			request := aliceMay("pull", "push")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := issuer.Issue(b.Context(), request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range algorithms {
		b.Run(string(algorithm), func(b *testing.B) {
			keys := newKeySet(b, generateKey(b, algorithm))
			raw := string(issue(b, newIssuer(b, keys, nil), aliceMay("pull", "push")).Value)
			verifier := newVerifier(b, keys)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := verifier.Verify(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkIssueWithAuthorityKeys has one more certificate in x5c, and a look at the clock.
func BenchmarkIssueWithAuthorityKeys(b *testing.B) {
	keys, _ := newAuthorityKeys(b, generateAuthority(b), nil)
	issuer := newIssuer(b, keys.KeySet(), nil)
	request := aliceMay("pull", "push")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := issuer.Issue(b.Context(), request); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSigning(b *testing.B) {
	renewed, _ := newAuthorityKeys(b, generateAuthority(b), nil)
	for name, keys := range map[string]*token.KeySet{
		"a plain set":    newKeySet(b, generateKey(b, token.ES256)),
		"authority keys": renewed.KeySet(),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				keys.Signing()
			}
		})
	}
}
