package token

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// A Key signs tokens or, without its private part, only verifies them. It usually has a
// certificate, by which distribution finds it.
//
// Make one with [GenerateKey], [LoadKey], [ParseKey] or [NewKey]. A Key does not change, is safe
// for concurrent use if its signer is, and never prints its private part.
type Key struct { //nolint:recvcheck // a copied Key must not print its private part either
	id         string
	libtrustID string
	name       string // the kid in the JWKS that the key came from, if it is another one
	algorithm  Algorithm
	public     crypto.PublicKey
	chain      []*x509.Certificate
	warnings   []string // from loading

	// Set for keys of AuthorityKeys only: registries find the key by the certificate of the
	// authority, and no token that it signs ends later than signsUntil.
	authority  *x509.Certificate
	signsUntil time.Time

	signer         crypto.Signer // nil if the key only verifies
	header         string        // of its tokens, encoded; kid is the id
	libtrustHeader string        // likewise; kid is the libtrust id
}

// NewKey returns a key that signs with signer: a private key in memory, or a handle to one in a
// KMS, an HSM or an agent, which is safe for concurrent use. The chain, if any, is the certificate
// of the key, then that of its issuer, and so on. An *[crypto/ecdsa.PrivateKey] signs
// deterministically (RFC 6979); every other signer gets [crypto/rand.Reader].
//
// NewKey signs and verifies a message, so that a wrong signer fails at start and not in the first
// request. The error wraps [ErrKey], and the signer's error if there is one.
func NewKey(signer crypto.Signer, chain ...*x509.Certificate) (key *Key, err error) {
	defer func() {
		if r := recover(); r != nil { // as a nil pointer and an empty private key do
			key, err = nil, fmt.Errorf("%w: nil, or it panicked: %v", errBadSigner, r)
		}
	}()
	if key, err = newPublicKey(signer.Public(), chain...); err != nil {
		return nil, err
	}
	if err := checkValidity(chain, time.Now()); err != nil {
		return nil, err
	}
	return key.withSigner(signer)
}

// newPublicKey returns a key that only verifies. An expired certificate is accepted: the key is
// trusted because it is in a set.
func newPublicKey(public crypto.PublicKey, chain ...*x509.Certificate) (*Key, error) {
	algorithm, err := algorithmOf(public)
	if err != nil {
		return nil, err
	}
	if err := checkChain(public, chain); err != nil {
		return nil, err
	}
	key := &Key{algorithm: algorithm, public: public, chain: slices.Clone(chain)}
	key.id, key.libtrustID, err = keyIDs(public)
	return key, err
}

// keyIDs returns the thumbprint of RFC 7638 with SHA-256, in base64url, and the libtrust id: 240
// bits of the SHA-256 of the key in DER, in base32, in groups of four. Leading zero bytes of a
// coordinate count (RFC 7518, section 6.2.1.2), although distribution drops them.
func keyIDs(public crypto.PublicKey) (thumbprint, libtrust string, err error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", errUnsupportedKey, err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", errUnsupportedKey, err)
	}
	digest := sha256.Sum256(der)
	text := base32.StdEncoding.EncodeToString(digest[:240/8])
	var groups []string
	for group := range slices.Chunk([]byte(text), 4) {
		groups = append(groups, string(group))
	}
	return base64.RawURLEncoding.EncodeToString(sum), strings.Join(groups, ":"), nil
}

// withSigner returns a copy of the key that signs with signer, and tests it.
func (k *Key) withSigner(signer crypto.Signer) (*Key, error) {
	signing := *k
	signing.signer = signer
	signing.header = signing.encodeHeader(k.id)
	signing.libtrustHeader = signing.encodeHeader(k.libtrustID)
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

// Public returns an *[ecdsa.PublicKey], an [ed25519.PublicKey] or an *[rsa.PublicKey].
func (k *Key) Public() crypto.PublicKey { return k.public }

// CanSign reports whether the key signs. Otherwise it only verifies.
func (k *Key) CanSign() bool { return k != nil && k.signer != nil }

// Certificates returns the certificate of the key and those above it, or nothing.
func (k *Key) Certificates() []*x509.Certificate { return slices.Clone(k.chain) }

// Warnings returns a sentence for each problem with this key, such as a registry that refuses it,
// to be logged at start. A key that [GenerateKey] made with [ES256] has none.
func (k *Key) Warnings() []string {
	if !k.CanSign() {
		return nil
	}
	warnings := slices.Clone(k.warnings)
	if len(k.chain) == 0 {
		warnings = append(warnings, "the key has no certificate, so tokens carry no x5c: "+
			"distribution 2.8 does not find the key, nor does 3.0 find an elliptic curve key")
	}
	for _, c := range k.chain {
		renewed := k.authority != nil && c != k.authority
		if !renewed && time.Until(c.NotAfter) < 30*24*time.Hour {
			warnings = append(warnings, fmt.Sprintf("the certificate %q expires at %s: "+
				"registries will then refuse all tokens", c.Subject, timestamp(c.NotAfter)))
		}
	}
	if startsWithZero(k.public) {
		warnings = append(warnings, "a coordinate of the key starts with a zero byte, which "+
			"distribution up to 3.1 drops from the kid: it needs x5c or a JWKS file")
	}
	if k.algorithm == EdDSA {
		warnings = append(warnings,
			"distribution 2.8 does not start with an Ed25519 certificate in its bundle")
	}
	return warnings
}

// maySign reports whether the key may sign a token that expires at end.
func (k *Key) maySign(end time.Time) bool {
	return k.signsUntil.IsZero() || !end.After(k.signsUntil)
}

// String returns the algorithm and the id.
func (k Key) String() string { return string(k.algorithm) + " key " + k.id }

// Format implements [fmt.Formatter] and prints [Key.String] under every verb, so that no verb
// prints the private part.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue implements [slog.LogValuer].
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
