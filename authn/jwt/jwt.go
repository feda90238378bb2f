package jwt

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token"
)

// A Config configures the JWTs of one identity provider.
type Config struct {
	// Issuer is the iss of the JWTs, compared exactly. Required.
	Issuer string
	// Audience is the aud, or one of several, that JWTs for this registry have, and no others.
	// Required.
	Audience string
	// KeysURL is where the provider has its keys, as a JWK Set. If it is empty, it is the jwks_uri
	// of the document at Issuer + "/.well-known/openid-configuration", whose issuer must be Issuer.
	KeysURL string
	// Subject returns the subject of a valid JWT, which has a sub. Rules over claims can have c as
	// the Data; numbers in c.Extra are of type json.Number. The errors of Subject are returned
	// unchanged and mean what those of an [authn.Authenticator] do; a subject without a name is an
	// outage. It must be safe for concurrent use and return when ctx is done. Nil is the sub as the
	// name, and nothing else.
	Subject func(ctx context.Context, c token.Claims) (authn.Subject, error)
	// Client fetches the keys, such as one that trusts a private CA. Its CheckRedirect is not used.
	// Nil is one with [http.DefaultTransport].
	Client *http.Client
	// Logger receives a warning when keys cannot be fetched. Nil is [slog.Default], looked up at
	// each use.
	Logger *slog.Logger
}

// New returns a source of users whose passwords are JWTs. The error says which field is missing or
// unusable; nothing is fetched yet.
func New(config Config) (authn.Authenticator, error) {
	if config.Issuer == "" || config.Audience == "" {
		return nil, errors.New("the issuer or the audience of the JWTs is missing")
	}
	discovery := strings.TrimSuffix(config.Issuer, "/") + "/.well-known/openid-configuration"
	s := &source{Config: config, url: cmp.Or(config.KeysURL, discovery)}
	if err := checkURL(s.url); err != nil {
		return nil, err
	}
	if config.Client != nil {
		s.client = *config.Client
	}
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // its status is an error; the redirect may lead to http
	}
	return s, nil
}

func (s *source) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	raw := string(r.Password)
	if issuerOf(raw) != s.Issuer {
		return authn.Subject{}, authn.ErrNoMatch
	}
	claims, err := s.verify(ctx, raw)
	if errors.Is(err, token.ErrInvalid) {
		return authn.Subject{}, fmt.Errorf("%w: %w", authn.ErrRejected, err)
	}
	if err != nil {
		return authn.Subject{}, err
	}
	if claims.Subject == "" {
		return authn.Subject{}, fmt.Errorf("%w: the JWT has no sub", authn.ErrRejected)
	}
	subject := authn.Subject{Name: claims.Subject}
	if s.Subject != nil {
		if subject, err = s.Subject(ctx, claims); err != nil {
			return authn.Subject{}, err
		}
	}
	if subject.Anonymous() { // a bug, and no reason for a 401
		return authn.Subject{}, errors.New("the subject of the JWT has no name")
	}
	if subject.ValidUntil.IsZero() || subject.ValidUntil.After(claims.ExpiresAt) {
		subject.ValidUntil = claims.ExpiresAt
	}
	if !time.Now().Before(subject.ValidUntil) { // the verifier has a leeway
		return authn.Subject{}, fmt.Errorf("%w: the JWT has expired", authn.ErrRejected)
	}
	subject.Stamp = "" // another source of a Chain could confirm it
	return subject, nil
}

// issuerOf returns the iss of what looks like a JWT, unverified, or "". The names of members are
// exact: encoding/json would accept "ISS" for the field of a struct.
func issuerOf(raw string) string {
	parts := strings.SplitN(raw, ".", 4) // one more than there should be
	if len(parts) != 3 {
		return ""
	}
	var members [3]map[string]json.RawMessage
	for i, part := range parts {
		decoded, err := base64.RawURLEncoding.DecodeString(part)
		if err == nil && i < 2 {
			err = json.Unmarshal(decoded, &members[i])
		}
		if err != nil {
			return ""
		}
	}
	var issuer string
	if json.Unmarshal(members[1]["iss"], &issuer) != nil || members[0]["alg"] == nil {
		return ""
	}
	return issuer
}
