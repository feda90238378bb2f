package doctor

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// probeRepository is what the token allows to pull. It need not be there.
const probeRepository = "registry-auth-doctor/probe"

// A sample is a token as the server makes them, and what it says.
type sample struct {
	keys *token.KeySet // of the server
	key  *token.Key    // that signed it
	raw  string        // whoever has it may list the registry's repositories, so it does not print

	authority *x509.Certificate // below which the server makes its keys by itself, or nil

	keyID   string   // kid
	chain   []string // x5c
	issued  string   // iss
	service string   // aud
}

// makeSample makes a token that allows what is presented to the registry: the catalog, in the words of distribution and of
// zot, and a pull.
func makeSample(ctx context.Context, issuer Issuer, service string) (*sample, error) {
	made, err := issuer.Issue(ctx, token.Request{Subject: "doctor", Audience: service, Access: []scope.Scope{
		{Type: "registry", Name: "catalog", Actions: []string{"*"}},
		{Type: "repository", Name: "", Actions: []string{"pull"}},
		{Type: "repository", Name: probeRepository, Actions: []string{"pull"}},
	}})
	if err != nil {
		return nil, fmt.Errorf("make a token to look at: %w", err)
	}
	keys := issuer.KeySet()
	s := &sample{
		keys: keys, key: keys.Signing(), raw: string(made.Value), authority: authorityOf(keys),
		service: service,
	}
	var header struct {
		KeyID string   `json:"kid"`
		Chain []string `json:"x5c"`
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	parts := strings.Split(s.raw, ".")
	if len(parts) != 3 || decodePart(parts[0], &header) != nil || decodePart(parts[1], &claims) != nil {
		return nil, errors.New("make a token to look at: it is no JWT")
	}
	s.keyID, s.chain, s.issued = header.KeyID, header.Chain, claims.Issuer
	return s, nil
}

// authorityOf returns the certificate that registries are to have in place of those of the keys, or nil when it is the signing
// key's own.
func authorityOf(keys *token.KeySet) *x509.Certificate {
	certificates, err := parseCertificates(keys.BundlePEM())
	if err != nil || samePublic(certificates[0].PublicKey, keys.Signing().Public()) {
		return nil
	}
	return certificates[0]
}

// verifier returns what accepts the tokens of this server. Below an authority, the one that runs has another key than this.
func (s *sample) verifier() (*token.Verifier, error) {
	config := token.VerifierConfig{Issuer: s.issued, Audience: s.service}
	if s.authority == nil {
		config.Keys = s.keys
	} else {
		config.Roots = poolOf([]*x509.Certificate{s.authority})
	}
	return token.NewVerifier(config)
}

func decodePart(part string, into any) error {
	decoded, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(decoded, into)
}
