package token

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"
)

// A Key signs tokens or, without its private part, only verifies them. It has one [Algorithm] and, usually, a
// certificate, by which distribution finds it.
//
// Make one with [GenerateKey], [LoadKey], [ParseKey], [NewKey] or [newPublicKey]. A Key does not change and is safe for
// concurrent use, provided that its signer is. It never prints its private part.
type Key struct { //nolint:recvcheck // a copied Key must not print its private part either
	id         string
	libtrustID string
	name       string // the kid in the JWKS that the key came from, when that is another one
	algorithm  Algorithm
	public     crypto.PublicKey
	chain      []*x509.Certificate
	warnings   []string // what was noticed while loading

	// What a key of AuthorityKeys has besides: registries find it by the certificate of the authority alone, and no token
	// that it signs ends later than signsUntil.
	authority  *x509.Certificate
	signsUntil time.Time

	signer       crypto.Signer  // nil when the key only verifies
	byThumbprint *compactSigner // with the id as kid
	byLibtrustID *compactSigner // with the libtrust id as kid
}

// NewKey returns a key that signs with signer, which may be a private key in memory or a handle to one in a KMS, an HSM
// or an agent; it must be safe for concurrent use. The chain, if any, is the certificate of the key, then that of its
// issuer, and so on.
//
// An *[crypto/ecdsa.PrivateKey] makes signatures without randomness, by RFC 6979; every other signer is given [crypto/rand.Reader].
//
// A message is signed and verified before NewKey returns, so that a signer of another key fails at start and not in the
// first request. The error wraps [errUnsupportedKey], [errKeyMismatch] or [errBadCertificate], or is the signer's.
func NewKey(signer crypto.Signer, chain ...*x509.Certificate) (*Key, error) {
	return newKeyAt(time.Now(), signer, chain)
}

func newKeyAt(now time.Time, signer crypto.Signer, chain []*x509.Certificate) (*Key, error) {
	if signer == nil {
		return nil, fmt.Errorf("%w: no signer", errPublicOnly)
	}
	key, err := newPublicKey(signer.Public(), chain...)
	if err != nil {
		return nil, err
	}
	if err := checkValidity(chain, now); err != nil {
		return nil, err
	}
	return key.withSigner(signer)
}

// newPublicKey returns a key that only verifies. The chain is checked as by [NewKey], except that an expired certificate
// is accepted: that the key is in a [KeySet] is what makes it trusted.
func newPublicKey(public crypto.PublicKey, chain ...*x509.Certificate) (*Key, error) {
	algorithm, err := algorithmOf(public)
	if err != nil {
		return nil, err
	}
	if err := checkChain(public, chain); err != nil {
		return nil, err
	}
	key := &Key{algorithm: algorithm, public: public, chain: slices.Clone(chain)}
	if key.id, err = thumbprint(public); err != nil {
		return nil, err
	}
	if key.libtrustID, err = libtrustID(public); err != nil {
		return nil, err
	}
	return key, nil
}

// withSigner returns a copy of the key that signs with signer, after a test.
func (k *Key) withSigner(signer crypto.Signer) (*Key, error) {
	signing := *k
	signing.signer = signer
	var err error
	if signing.byThumbprint, err = signing.newSigner(k.id); err != nil {
		return nil, err
	}
	if signing.byLibtrustID, err = signing.newSigner(k.libtrustID); err != nil {
		return nil, err
	}
	if err := signing.selfTest(); err != nil {
		return nil, err
	}
	return &signing, nil
}

// ID returns the RFC 7638 thumbprint of the key: the kid of its tokens and its name in a [KeySet].
func (k *Key) ID() string { return k.id }

// LibtrustID returns the key id that distribution 2.x computes for the keys of its bundle, such as
// "PYYO:TEWU:V7JH:26JV:AQTZ:LJC3:SXVJ:XGHA:34F2:2LAQ:ZRMK:Z7Q6".
func (k *Key) LibtrustID() string { return k.libtrustID }

// Algorithm returns the one algorithm of the key.
func (k *Key) Algorithm() Algorithm { return k.algorithm }

// Public returns the public key: an *[ecdsa.PublicKey], an [ed25519.PublicKey] or an *[rsa.PublicKey].
func (k *Key) Public() crypto.PublicKey { return k.public }

// CanSign reports whether the key signs. Otherwise it only verifies.
func (k *Key) CanSign() bool { return k != nil && k.signer != nil }

// Certificates returns the certificate of the key and those above it, or nothing.
func (k *Key) Certificates() []*x509.Certificate { return slices.Clone(k.chain) }

// soonExpired is how long before its end a certificate is worth a warning.
const soonExpired = 30 * 24 * time.Hour

// Warnings returns what will not work with this key at which registry, a sentence each, for the log at start. A key that
// [GenerateKey] made with the default algorithm has none, nor has one that only verifies.
func (k *Key) Warnings() []string {
	if !k.CanSign() {
		return nil
	}
	warnings := slices.Clone(k.warnings)
	if len(k.chain) == 0 {
		warnings = append(warnings, "the key has no certificate, so its tokens carry no x5c: distribution 2.8 does not find the key, nor does 3.0 an elliptic one")
	}
	warnings = append(warnings, k.expiryWarnings()...)
	if startsWithZero(k.public) {
		warnings = append(warnings, "a coordinate of the key begins with a zero byte, which distribution up to 3.1 drops from the kid: it finds the key only by x5c, or in a JWKS file")
	}
	if k.algorithm == EdDSA {
		warnings = append(warnings, ed25519Warning)
	}
	return warnings
}

const ed25519Warning = "distribution 2.8 does not start with an Ed25519 certificate in its bundle"

func (k *Key) expiryWarnings() []string {
	var warnings []string
	for _, certificate := range k.chain {
		renewed := k.authority != nil && certificate != k.authority
		if !renewed && time.Now().Add(soonExpired).After(certificate.NotAfter) {
			warnings = append(warnings, fmt.Sprintf("the certificate %q expires at %s: registries will then refuse all tokens",
				certificate.Subject, certificate.NotAfter.UTC().Format(time.RFC3339)))
		}
	}
	return warnings
}

// maySign reports whether the key may sign a token that ends then.
func (k *Key) maySign(end time.Time) bool { return k.signsUntil.IsZero() || !end.After(k.signsUntil) }

// String returns the algorithm and the id.
func (k Key) String() string { return string(k.algorithm) + " key " + k.id }

// Format implements [fmt.Formatter] and prints [Key.String] under every verb, so that no verb reaches the private part.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue implements [slog.LogValuer].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
