package token

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

const defaultLeeway = time.Minute // as in distribution

// A VerifierConfig configures a [Verifier].
type VerifierConfig struct {
	// Issuer is the only accepted "iss". Required.
	Issuer string
	// Audience is the service that tokens must be for. Required.
	Audience string
	// Keys are the keys whose tokens are accepted. Required, unless there are Roots.
	Keys *KeySet
	// Roots, if any, are CAs: a token whose x5c chain leads to one of them is accepted too. Every
	// certificate below these CAs, whatever its purpose, can then sign tokens, so they should
	// certify nothing else.
	Roots *x509.CertPool
	// Leeway is how far the clocks may differ. Zero is a minute, as in distribution; negative is
	// none.
	Leeway time.Duration
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// A Verifier checks access tokens, as a registry does, and other JWTs, such as the ID tokens of
// OpenID Connect with keys from [ParseJWKS]. It is safe for concurrent use.
type Verifier struct{ config VerifierConfig }

// NewVerifier returns a verifier. The error says which field is missing.
func NewVerifier(config VerifierConfig) (*Verifier, error) {
	switch {
	case config.Issuer == "" || config.Audience == "":
		return nil, errors.New("new verifier: the issuer or the audience is missing")
	case config.Keys == nil && config.Roots == nil:
		return nil, errors.New("new verifier: the keys are missing")
	}
	config.Leeway = max(cmp.Or(config.Leeway, defaultLeeway), 0)
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Verifier{config}, nil
}

// Verify checks a token in compact form, without the word Bearer. An error comes with the zero
// Claims, wraps [ErrInvalid] and contains nothing of the token. The key is found by kid in the
// set; else by the first x5c certificate if its key is in the set; else, if there are roots, by
// the x5c chain, and only then the dates of certificates count. The alg must be that of the key. A
// token without exp, with a critical extension or of more than 16 KiB is refused.
func (v *Verifier) Verify(raw string) (Claims, error) {
	header, err := parseHeader(raw)
	if err != nil {
		return Claims{}, err
	}
	key, err := v.findKey(header)
	if err != nil {
		return Claims{}, err
	}
	payload, err := key.verify(raw, header.Algorithm)
	if err != nil {
		return Claims{}, err
	}
	claims, err := parseClaims(payload, v.config.Audience)
	if err != nil {
		return Claims{}, err
	}
	now, leeway := v.config.Now(), v.config.Leeway
	switch {
	case claims.Issuer != v.config.Issuer:
		return Claims{}, errIssuer
	case !now.Before(claims.ExpiresAt.Add(leeway)):
		return Claims{}, errExpired
	case now.Add(leeway).Before(claims.NotBefore), now.Add(leeway).Before(claims.IssuedAt):
		return Claims{}, errNotYetValid
	}
	return claims, nil
}

// findKey returns the key that the header names: of the set, or of a certificate below the roots.
func (v *Verifier) findKey(h *header) (*Key, error) {
	var trusted []*Key
	if v.config.Keys != nil {
		_, trusted = v.config.Keys.current()
	}
	if key := find(trusted, h.KeyID); key != nil {
		return key, nil
	}
	chain, err := h.certificates()
	if err != nil {
		return nil, err
	}
	if len(chain) == 0 {
		return nil, ErrUnknownKey
	}
	leaf, err := newPublicKey(chain[0].PublicKey)
	if err != nil {
		return nil, ErrUnknownKey
	}
	if key := find(trusted, leaf.id); key != nil {
		return key, nil
	}
	if v.config.Roots != nil && leadsToRoot(chain, v.config.Roots, v.config.Now()) {
		return leaf, nil
	}
	return nil, ErrUnknownKey
}

func leadsToRoot(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) bool {
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		if _, err := algorithmOf(certificate.PublicKey); err != nil { // see maxRSABits
			return false
		}
		intermediates.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err == nil
}

// verify checks the signature of a token, and returns its payload.
func (k *Key) verify(raw, algorithm string) ([]byte, error) {
	if algorithm != string(k.algorithm) {
		return nil, fmt.Errorf("%w: the alg is not the %s of the key", errSignature, k.algorithm)
	}
	algorithms := []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)}
	signed, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		return nil, malformed("it is not a compact JWS") // the errors of go-jose quote the token
	}
	payload, err := signed.Verify(k.public)
	if err != nil {
		return nil, errSignature
	}
	return payload, nil
}
