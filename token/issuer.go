package token

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/berthpass/registry-auth/scope"
)

// The lifetimes of an access token.
const (
	// defaultLifetime is that of an [Issuer] without another. A push that takes longer fetches another token.
	defaultLifetime = 5 * time.Minute
	// minLifetime is what clients assume when nothing is said, and the least that the specification allows.
	minLifetime = time.Minute
	// maxLifetime bounds the harm that a stolen token does: it cannot be revoked.
	maxLifetime = time.Hour
)

// backdated is how far before the present iat and nbf are. Zot has no leeway and refuses either in its future, even by
// two seconds, so the clock of a registry may be that much behind.
const backdated = 5 * time.Second

// An IssuerConfig configures an [Issuer].
type IssuerConfig struct {
	// Name is the "iss" of the tokens: the issuer in the registry's configuration. Required.
	Name string
	// Keys are the keys, one of which signs. Required.
	Keys *KeySet
	// Lifetime is how long a token is valid: at least [minLifetime] and at most [maxLifetime]. Zero is
	// [defaultLifetime].
	Lifetime time.Duration
	// LibtrustKeyID puts the libtrust id of the key into kid instead of the thumbprint: for distribution 2.x with a key
	// that has no certificate. Distribution 3.x then finds no key without a certificate.
	LibtrustKeyID bool
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// An Issuer makes access tokens. It is safe for concurrent use.
type Issuer struct {
	name          string
	keys          *KeySet
	lifetime      time.Duration
	libtrustKeyID bool
	now           func() time.Time
}

// NewIssuer returns an issuer, or an error that says which field of the configuration is missing or out of range.
func NewIssuer(config IssuerConfig) (*Issuer, error) {
	if config.Lifetime == 0 {
		config.Lifetime = defaultLifetime
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	switch {
	case config.Name == "" || !utf8.ValidString(config.Name):
		return nil, errors.New("make issuer: the name is missing or not UTF-8")
	case config.Keys == nil || config.Keys.Signing() == nil:
		return nil, fmt.Errorf("make issuer: %w: no key in the set signs", errPublicOnly)
	case config.Lifetime < minLifetime || config.Lifetime > maxLifetime:
		return nil, fmt.Errorf("make issuer: a lifetime of %v, not of %v to %v", config.Lifetime, minLifetime, maxLifetime)
	}
	if _, err := config.Keys.signingUntil(roundUp(config.Now().Add(config.Lifetime))); err != nil {
		return nil, fmt.Errorf("make issuer: %w", err)
	}
	return &Issuer{
		name:          config.Name,
		keys:          config.Keys,
		lifetime:      config.Lifetime,
		libtrustKeyID: config.LibtrustKeyID,
		now:           config.Now,
	}, nil
}

// A Request is what a token says.
type Request struct {
	// Subject is the name of who may do it. Empty is the anonymous subject.
	Subject string
	// Audience is the service: the registry that the token is for. Required.
	Audience string
	// Access is what may be done. Scopes of one resource are merged, and those without an action left out.
	Access []scope.Scope
}

// A Token is an access token, issued.
type Token struct {
	// Value is the token as it travels. Whoever has it may do what it says, so it does not print.
	Value Secret
	// ID is the "jti", for the audit log.
	ID string
	// IssuedAt is the present, in whole seconds of UTC: what the answer's issued_at says. The token's own iat is a few
	// seconds earlier, and earlier still in a shared token.
	IssuedAt time.Time
	// ExpiresAt is the token's exp. It is never before IssuedAt plus Lifetime.
	ExpiresAt time.Time
	// Lifetime is how long the token is valid: what the answer's expires_in says.
	Lifetime time.Duration
}

// Issue makes a token. An error means that no token can be made now: the signer failed, ctx is done, the certificate of the
// key would end before the token and cannot be renewed (see [AuthorityKeys]), or the grant is not a valid one. It contains
// nothing secret.
func (i *Issuer) Issue(ctx context.Context, request Request) (Token, error) {
	if err := ctx.Err(); err != nil { // a crypto.Signer takes no context
		return Token{}, fmt.Errorf("issue token: %w", err)
	}
	// encoding/json would replace invalid UTF-8, and so make one subject of two.
	if request.Audience == "" || !utf8.ValidString(request.Audience) || !utf8.ValidString(request.Subject) {
		return Token{}, errors.New("issue token: the audience is missing, or a name is not UTF-8")
	}
	now, access := i.now().UTC(), accessOf(request.Access)
	signer, err := i.signer(roundUp(now.Add(i.lifetime)))
	if err != nil {
		return Token{}, fmt.Errorf("issue token: %w", err)
	}
	return i.issue(signer, request, access, now)
}

// issue makes a token of its own.
func (i *Issuer) issue(signer *compactSigner, request Request, access []scope.Scope, now time.Time) (Token, error) {
	token := Token{
		ID:        newTokenID(),
		IssuedAt:  now.Truncate(time.Second),
		ExpiresAt: roundUp(now.Add(i.lifetime)),
		Lifetime:  i.lifetime,
	}
	payload, err := json.Marshal(i.claims(request, access, token))
	if err != nil {
		return Token{}, fmt.Errorf("issue token: %w", err)
	}
	value, err := signer.sign(payload)
	if err != nil {
		return Token{}, fmt.Errorf("issue token: %w", err)
	}
	token.Value = Secret(value)
	return token, nil
}

// KeySet returns the issuer's key set, to change its keys or to publish them.
func (i *Issuer) KeySet() *KeySet { return i.keys }

// Verifier returns a verifier of this issuer's tokens for one service, with the same keys and clock.
func (i *Issuer) Verifier(audience string) (*Verifier, error) {
	return NewVerifier(VerifierConfig{Issuer: i.name, Audience: audience, Keys: i.keys, Now: i.now})
}

// issuedClaims is the payload of a token, in the order of the specification.
type issuedClaims struct {
	Issuer    string        `json:"iss"`
	Subject   string        `json:"sub"`
	Audience  string        `json:"aud"`
	ExpiresAt int64         `json:"exp"`
	NotBefore int64         `json:"nbf"`
	IssuedAt  int64         `json:"iat"`
	ID        string        `json:"jti"`
	Access    []scope.Scope `json:"access"`
}

func (i *Issuer) claims(request Request, access []scope.Scope, token Token) issuedClaims {
	past := token.IssuedAt.Add(-backdated).Unix()
	return issuedClaims{
		Issuer:    i.name,
		Subject:   request.Subject,
		Audience:  request.Audience,
		ExpiresAt: token.ExpiresAt.Unix(),
		NotBefore: past,
		IssuedAt:  past,
		ID:        token.ID,
		Access:    access,
	}
}

// accessOf returns the "access" claim: never nil, each resource once, none without an action.
func accessOf(granted []scope.Scope) []scope.Scope {
	if len(granted) == 1 && isNormal(granted[0].Actions) {
		return granted
	}
	merged := scope.Merge(granted)
	access := merged[:0]
	for _, s := range merged {
		if len(s.Actions) > 0 {
			access = append(access, s)
		}
	}
	return access
}

// isNormal reports whether there are actions, sorted and each once.
func isNormal(actions []string) bool {
	for i := 1; i < len(actions); i++ {
		if actions[i-1] >= actions[i] {
			return false
		}
	}
	return len(actions) > 0
}

func (i *Issuer) signer(end time.Time) (*compactSigner, error) {
	key, err := i.keys.signingUntil(end)
	if err != nil {
		return nil, err
	}
	if i.libtrustKeyID {
		return key.byLibtrustID, nil
	}
	return key.byThumbprint, nil
}

// newTokenID returns 128 random bits. Package rand ends the process when the system has none, so there is no error.
func newTokenID() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// roundUp returns t in whole seconds. A lifetime that is rounded down would end before the client expects it.
func roundUp(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); !whole.Equal(t) {
		return whole.Add(time.Second)
	}
	return t.Truncate(time.Second)
}
