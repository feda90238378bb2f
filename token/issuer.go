package token

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/berthpass/registry-auth/internal/secret"
	"github.com/berthpass/registry-auth/scope"
)

const (
	defaultLifetime = 5 * time.Minute
	minLifetime     = time.Minute // of the specification, and what clients assume
	maxLifetime     = time.Hour   // a stolen token cannot be revoked
	// maxInsecureLifetime keeps "expires_in" within the 32 bits that clients may have for it.
	maxInsecureLifetime = 365 * 24 * time.Hour
	// backdated is how far in the past iat and nbf are. Zot refuses either in its future, without
	// leeway, so this is how far the clock of a registry may be behind.
	backdated = 5 * time.Second
)

// An IssuerConfig configures an [Issuer].
type IssuerConfig struct {
	// Name is the "iss" of the tokens: the issuer in the configuration of the registry. Required.
	Name string
	// Keys sign the tokens: a *[Key], [KeyFiles], an *[Authority], *[AuthorityKeys] or a *[KeySet].
	// Required.
	Keys Keys
	// Lifetime is how long a token is valid: a minute to an hour. Zero is five minutes; a push
	// that takes longer fetches another token.
	Lifetime time.Duration
	// InsecureLifetime takes the place of Lifetime and allows a minute to a year. A token cannot be
	// revoked: a stolen one works until it ends, and so do rights that the subject has lost. There
	// is seldom a reason, since clients fetch the next token by themselves.
	InsecureLifetime time.Duration
	// LibtrustKeyID puts the libtrust id of the key into kid, instead of the thumbprint: for
	// distribution 2.x and a key without a certificate, which distribution 3.x then does not find.
	LibtrustKeyID bool
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// An Issuer makes access tokens. It is safe for concurrent use.
type Issuer struct {
	config IssuerConfig
	keys   *KeySet
}

// NewIssuer returns an issuer. If its Keys are [KeyFiles], it reads or writes them. The error says
// which field is missing or out of range, or wraps [ErrKey] if the Keys cannot sign.
func NewIssuer(config IssuerConfig) (*Issuer, error) {
	issuer, err := newIssuer(config)
	if err != nil {
		return nil, fmt.Errorf("new issuer: %w", err)
	}
	return issuer, nil
}

func newIssuer(config IssuerConfig) (*Issuer, error) {
	longest := maxLifetime
	if config.InsecureLifetime != 0 {
		if config.Lifetime != 0 {
			return nil, errors.New("both Lifetime and InsecureLifetime are set")
		}
		config.Lifetime, longest = config.InsecureLifetime, maxInsecureLifetime
	}
	config.Lifetime = cmp.Or(config.Lifetime, defaultLifetime)
	if config.Now == nil {
		config.Now = time.Now
	}
	switch {
	case config.Name == "" || !utf8.ValidString(config.Name):
		return nil, errors.New("the name is missing or not UTF-8")
	case config.Keys == nil:
		return nil, fmt.Errorf("%w: there are no keys", ErrKey)
	case config.Lifetime < minLifetime || config.Lifetime > longest:
		return nil, fmt.Errorf("the lifetime is %v, not %v to %v",
			config.Lifetime, minLifetime, longest)
	}
	keys, err := config.Keys.keySet(config.Now)
	if err != nil {
		return nil, err
	}
	if keys.Signing() == nil {
		return nil, fmt.Errorf("%w: no key of the set signs", errPublicOnly)
	}
	end := roundUp(config.Now().Add(config.Lifetime))
	if _, err := keys.signingUntil(end); err != nil {
		return nil, err
	}
	if keys.renewal != nil {
		if err := keys.renewal.keepFor(config.Lifetime); err != nil {
			return nil, err
		}
	}
	return &Issuer{config, keys}, nil
}

// A Request describes a token to be issued.
type Request struct {
	Subject  string        // the name of the user; empty is the anonymous subject
	Audience string        // the service: the registry that the token is for; required
	Access   []scope.Scope // what the token allows; scopes without an action are left out
	// Extra are further claims, which registries ignore, with values for encoding/json, which
	// replaces invalid UTF-8. A name that tokens have already, such as "sub", is an error, in any
	// spelling that a decoder takes for it, and so are more than 16 KiB.
	Extra map[string]any
	// ValidUntil is when the subject's credentials end, such as the exp of a JWT. The token ends no
	// later, except that it lives for a minute at least, as clients assume. Zero is no end.
	ValidUntil time.Time
}

// A Secret is a string that must not be printed, such as an access token. It is the same type as
// authn.Secret: fmt, log/slog, encoding/json and encoding/xml print three stars, even in the
// response to a client; string(s) reads it.
type Secret = secret.String

// A Token is an issued access token.
type Token struct {
	Value Secret // printed as three stars, since anyone who has it can use it
	ID    string // the "jti", for the audit log
	// IssuedAt is the present in whole seconds of UTC, for "issued_at" of the response. The iat of
	// the token is earlier.
	IssuedAt  time.Time
	ExpiresAt time.Time     // the "exp", never before IssuedAt plus Lifetime
	Lifetime  time.Duration // for "expires_in" of the response
}

// Issue makes a token for a request that the caller has authorized. The error wraps that of the
// signer or of ctx, [ErrCredentialsExpired] if ValidUntil has passed, or [ErrKey] if a key of
// [AuthorityKeys] ends before the token would and was not renewed. It is also an error if Audience
// is missing, if Audience or Subject is not UTF-8, or if a claim in Extra has an unusable name or
// value. No error contains a secret.
func (i *Issuer) Issue(ctx context.Context, request Request) (Token, error) {
	now := i.config.Now().UTC()
	lifetime, err := i.lifetime(now, request.ValidUntil)
	token := Token{
		ID:        rand.Text(),
		IssuedAt:  now.Truncate(time.Second),
		ExpiresAt: roundUp(now.Add(lifetime)),
		Lifetime:  lifetime,
	}
	err = cmp.Or(ctx.Err(), err) // a crypto.Signer takes no context
	if err == nil {
		token.Value, err = i.sign(request, token)
	}
	if err != nil {
		return Token{}, fmt.Errorf("issue token: %w", err)
	}
	return token, nil
}

// lifetime returns how long a token lives from now on. Whole seconds, before they are rounded up,
// keep its end from being after validUntil.
func (i *Issuer) lifetime(now, validUntil time.Time) (time.Duration, error) {
	switch {
	case validUntil.IsZero():
		return i.config.Lifetime, nil
	case !now.Before(validUntil):
		return 0, ErrCredentialsExpired
	}
	left := validUntil.Truncate(time.Second).Sub(now).Truncate(time.Second)
	return min(i.config.Lifetime, max(left, minLifetime)), nil
}

func (i *Issuer) sign(request Request, token Token) (Secret, error) {
	// encoding/json would replace invalid UTF-8, and so turn two subjects into one.
	if request.Audience == "" ||
		!utf8.ValidString(request.Audience) || !utf8.ValidString(request.Subject) {
		return "", errors.New("the audience is missing, or a name is not UTF-8")
	}
	access := append([]scope.Scope{}, scope.Merge(request.Access)...) // never null
	access = slices.DeleteFunc(access, func(s scope.Scope) bool { return len(s.Actions) == 0 })
	past := token.IssuedAt.Add(-backdated).Unix()
	payload, err := json.Marshal(issuedClaims{
		Issuer: i.config.Name, Subject: request.Subject, Audience: request.Audience,
		ExpiresAt: token.ExpiresAt.Unix(), NotBefore: past, IssuedAt: past,
		ID: token.ID, Access: access,
	})
	if err == nil && len(request.Extra) > 0 {
		payload, err = appendExtra(payload, request.Extra)
	}
	if err != nil {
		return "", err
	}
	key, err := i.keys.signingUntil(token.ExpiresAt)
	if err != nil {
		return "", err
	}
	header := key.header
	if i.config.LibtrustKeyID {
		header = key.libtrustHeader
	}
	value, err := key.sign(header, payload)
	return Secret(value), err
}

// KeySet returns the issuer's key set, to change or publish its keys.
func (i *Issuer) KeySet() *KeySet { return i.keys }

// Verifier returns a verifier of this issuer's tokens for one service, with the same keys and
// clock.
func (i *Issuer) Verifier(audience string) (*Verifier, error) {
	c := i.config
	return NewVerifier(VerifierConfig{Issuer: c.Name, Audience: audience, Keys: i.keys, Now: c.Now})
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

// roundUp returns t in whole seconds; a token must not end before its client expects it.
func roundUp(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }
