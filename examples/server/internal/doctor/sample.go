package doctor

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// probeRepository is what the token allows to pull. It need not exist.
const probeRepository = "registry-auth-doctor/probe"

// A sample is a token that the server has made, and what it says.
type sample struct {
	raw    string     // allows to list the repositories, so it is not printed
	key    *token.Key // that signed it
	keys   *token.KeySet
	header jose.Header
	chain  bool   // whether there is x5c
	issuer string // iss, as service is aud
	// authority is the certificate below which the server makes its keys, or nil.
	authority *x509.Certificate
	service   string
}

// makeSample makes a token that allows a pull and to list the catalog, in the words of distribution
// and of zot.
func makeSample(ctx context.Context, issuer Issuer, service string) (*sample, error) {
	request := token.Request{Subject: "doctor", Audience: service, Access: []scope.Scope{
		{Type: "registry", Name: "catalog", Actions: []string{"*"}},
		{Type: "repository", Name: "", Actions: []string{"pull"}},
		{Type: "repository", Name: probeRepository, Actions: []string{"pull"}},
	}}
	made, err := issuer.Issue(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("make a token to look at: %w", err)
	}
	parsed, err := jwt.ParseSigned(string(made.Value), []jose.SignatureAlgorithm{
		jose.RS256, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
	})
	var claims jwt.Claims
	if err == nil {
		err = parsed.UnsafeClaimsWithoutVerification(&claims)
	}
	if err != nil {
		return nil, fmt.Errorf("read the token to look at: %w", err)
	}
	keys := issuer.KeySet()
	return &sample{
		raw: string(made.Value), key: keys.Signing(), keys: keys,
		header: parsed.Headers[0], chain: len(keys.Signing().Certificates()) > 0,
		issuer: claims.Issuer, authority: authorityOf(keys), service: service,
	}, nil
}

// authorityOf returns the certificate that registries need instead of those of the keys, or nil.
func authorityOf(keys *token.KeySet) *x509.Certificate {
	certificates, err := parseCertificates(keys.BundlePEM())
	if err != nil || samePublic(certificates[0].PublicKey, keys.Signing().Public()) {
		return nil
	}
	return certificates[0]
}

// verifier accepts the tokens of this server. Below an authority, the running one has other keys.
func (s *sample) verifier() (*token.Verifier, error) {
	config := token.VerifierConfig{Issuer: s.issuer, Audience: s.service, Keys: s.keys}
	if s.authority != nil {
		config.Keys, config.Roots = nil, poolOf([]*x509.Certificate{s.authority})
	}
	return token.NewVerifier(config)
}

// trustedBy reports whether the x5c of the token leads to one of the certificates. All versions of
// distribution look for the key there first.
func (s *sample) trustedBy(certificates []*x509.Certificate) bool {
	_, err := s.header.Certificates(x509.VerifyOptions{
		Roots: poolOf(certificates), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err == nil
}

func poolOf(certificates []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, certificate := range certificates {
		pool.AddCert(certificate)
	}
	return pool
}

func samePublic(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(x crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

// parseCertificates reads PEM as distribution does: other blocks do not matter.
func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(list)+1, err)
		}
		list = append(list, certificate)
	}
	if len(list) == 0 {
		return nil, errors.New("there is no certificate in it")
	}
	return list, nil
}
