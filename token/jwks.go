package token

import (
	"crypto/x509"
	"fmt"
	"slices"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// JWKS returns the public keys as a JWK Set (RFC 7517, section 5), with the id, the algorithm and
// the certificates of each. Distribution 3.x reads it from a file, other services over HTTP. With
// [AuthorityKeys] each replica has keys of its own, which the JWKS of the others do not contain.
func (s *KeySet) JWKS() []byte {
	var set jose.JSONWebKeySet
	for _, key := range s.Keys() {
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: key.public, KeyID: key.id, Algorithm: string(key.algorithm), Use: "sig",
			Certificates: key.chain,
		})
	}
	data, _ := json.Marshal(set) // all keys of a set have a JWK
	return data
}

// BundlePEM returns the certificates of the keys, for the rootcertbundle of distribution, but not
// those above: every key that a CA in the bundle certified could sign tokens. For [AuthorityKeys]
// it returns the certificate of the authority instead. Keys without a certificate are left out.
func (s *KeySet) BundlePEM() []byte {
	var certificates []*x509.Certificate
	for _, key := range s.Keys() {
		switch {
		case key.authority != nil && !slices.ContainsFunc(certificates, key.authority.Equal):
			certificates = append(certificates, key.authority)
		case key.authority == nil && len(key.chain) > 0:
			certificates = append(certificates, key.chain[0])
		}
	}
	return encodeCertificates(certificates)
}

// ParseJWKS reads a JWK Set into a set that only verifies. It skips keys of an unknown or weak
// type, algorithm, curve or size and keys that are not for signing, as RFC 7517 asks. A [Verifier]
// also finds a key by the kid given here, for other issuers. A symmetric or private key is an
// error, since it was published by mistake, and so is a set in which no key is left.
func ParseJWKS(data []byte) (*KeySet, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("parse JWK set: %w: %w", ErrKey, err)
	}
	var list []*Key
	for i, one := range raw.Keys {
		key, err := parseJWK(one)
		if err != nil {
			return nil, fmt.Errorf("parse JWK set: key %d: %w", i+1, err)
		}
		if key != nil {
			list = addNewer(list, key)
		}
	}
	return NewKeySet(nil, list...)
}

// parseJWK returns no key for one that is skipped.
func parseJWK(data []byte) (*Key, error) {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(data, &members) // anything but an object is skipped below
	if members["k"] != nil || members["d"] != nil || string(members["kty"]) == `"oct"` {
		return nil, fmt.Errorf("%w: a secret key in a set of public keys", errUnsupportedKey)
	}
	var jwk jose.JSONWebKey
	if jwk.UnmarshalJSON(data) == nil && jwk.IsPublic() && (jwk.Use == "" || jwk.Use == "sig") {
		key, err := newPublicKey(jwk.Key, jwk.Certificates...)
		if err == nil && (jwk.Algorithm == "" || jwk.Algorithm == string(key.algorithm)) {
			key.name = jwk.KeyID
			return key, nil
		}
	}
	return nil, nil //nolint:nilnil // skipped
}

// ParseBundle reads PEM certificates, such as the rootcertbundle of distribution, into a set that
// only verifies: the key of each certificate, even an expired one. Anything else is an error, and
// so is a weak key. Of two certificates of one key, it keeps the one that is valid for longer.
func ParseBundle(data []byte) (*KeySet, error) {
	certificates, err := parseCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("parse certificate bundle: %w", err)
	}
	var list []*Key
	for i, certificate := range certificates {
		key, err := newPublicKey(certificate.PublicKey, certificate)
		if err != nil {
			return nil, fmt.Errorf("parse certificate bundle: certificate %d: %w", i+1, err)
		}
		list = addNewer(list, key)
	}
	return NewKeySet(nil, list...)
}

// addNewer appends key, or replaces one with the same id whose certificate ends earlier.
func addNewer(list []*Key, key *Key) []*Key {
	i := indexOf(list, key.id)
	switch {
	case i < 0:
		return append(list, key)
	case len(key.chain) > 0 &&
		(len(list[i].chain) == 0 || key.chain[0].NotAfter.After(list[i].chain[0].NotAfter)):
		list[i] = key
	}
	return list
}
