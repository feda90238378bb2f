package section

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/share"
)

// Token is what tokens say, and the keys that sign them.
type Token struct {
	conf.Place

	// Services are those that tokens are issued for; nil means any.
	Services map[string]*Service
	// AnyService issues for services that are not listed, if there is no list.
	AnyService Issuer

	server    *Server
	tests     *Tests
	given     bool
	common    tokenSettings
	sharedKey bool
	renewed   []*token.AuthorityKeys
}

// An Issuer makes tokens: a [*token.Issuer], or a [*share.Issuer] where tokens are shared.
type Issuer interface {
	Issue(ctx context.Context, request token.Request) (token.Token, error)
	KeySet() *token.KeySet
}

// A Service is a registry that tokens are issued for.
type Service struct {
	Issuer Issuer
	// Rules take the place of the common ones, if they are given.
	Rules RuleList

	settings tokenSettings
}

// Issuer returns what issues tokens for a service, or nil.
func (t *Token) Issuer(service string) Issuer {
	if s := t.Services[service]; s != nil {
		return s.Issuer
	}
	return t.AnyService
}

// ServiceNames are the names of the services, sorted, or nil for any.
func (t *Token) ServiceNames() []string { return slices.Sorted(maps.Keys(t.Services)) }

// Keys implements [Section].
func (t *Token) Keys() []string { return []string{"token"} }

// Read implements [Section].
func (t *Token) Read(n *conf.Node) {
	t.Place, t.given = n.Place, !n.Null()
	t.common.Place = n.Place
	n.Fields(append(t.common.fields(),
		conf.Func("services", t.services),
		conf.Bool("shared_key", &t.sharedKey),
	)...)
}

// services reads a list of names, or a mapping of names to settings.
func (t *Token) services(n *conf.Node) {
	t.Services = make(map[string]*Service)
	if n.IsList() {
		n.Items(func(n *conf.Node) { t.service(n.Text(), n) })
	} else {
		n.Entries(func(name string, n *conf.Node) {
			if s := t.service(name, n); s != nil {
				s.read(name, n, t.tests)
			}
		})
	}
	if len(t.Services) == 0 {
		n.Errorf("token.services is empty, so that no token could be issued; " +
			"leave it out to issue for any service")
	}
}

func (t *Token) service(name string, n *conf.Node) *Service {
	if t.Services[name] != nil || name == "" {
		n.Errorf("token.services: a service needs a name that is not empty " +
			"and of which there is one")
		return nil
	}
	s := &Service{settings: tokenSettings{Place: n.Place}}
	t.Services[name] = s
	return s
}

func (s *Service) read(name string, n *conf.Node, tests *Tests) {
	n.As(fmt.Sprintf("the service %q", name)).
		Fields(append(s.settings.fields(), s.Rules.fields(tests)...)...)
	if (s.settings.authority || s.settings.keyLifetime != 0) && !s.settings.ownKey() {
		n.Errorf("the service %q: authority and key_lifetime are about a certificate and key "+
			"beside them, and there are none", name)
	}
}

// Build implements [Section].
func (t *Token) Build(*Site) (Part, error) {
	switch {
	case !t.given:
		t.Errorf("token is missing: the section with issuer, expiration, certificate and key")
		return Part{}, nil
	case t.common.expiration == 0:
		t.Errorf("token.expiration is missing: the life of a token in seconds, such as 900")
		return Part{}, nil
	}
	t.issuers()
	services := make(auth.ServiceMap, len(t.Services))
	for name, service := range t.Services {
		services[name] = service.Issuer
	}
	anyService, sharedKey := t.AnyService, t.sharedKey
	return Part{
		Config: func(c *auth.Config) {
			c.Services, c.SharedKeysAllowed = services, sharedKey
			c.InsecureAnyService = anyService
		},
		Check:   t.renewalError,
		Metrics: []prometheus.Collector{renewalMetric(t.renewalError)},
	}, nil
}

// issuers makes an issuer for each service.
func (t *Token) issuers() {
	made := make(madeKeys)
	if t.Services == nil {
		if issuer := t.issuer(t.common, made); issuer != nil {
			t.AnyService = issuer
		}
		t.Warnf("without token.services, tokens are issued for any service that a client names; " +
			"list the service of each registry")
		return
	}
	owners := make(map[string]string)
	for _, name := range t.ServiceNames() {
		service := t.Services[name]
		issuer := t.issuer(service.settings.or(t.common), made)
		if issuer == nil {
			continue
		}
		service.Issuer = issuer
		id := trustedKey(issuer)
		if other, shared := owners[id]; shared {
			t.warnOfSharedKey(service.settings.Place, other, name)
		}
		owners[id] = name
	}
}

// trustedKey identifies the key that registries have: the signing key, or that of the authority.
func trustedKey(issuer Issuer) string {
	bundle, err := token.ParseBundle(issuer.KeySet().BundlePEM())
	if err != nil { // it has one certificate, so this does not happen
		return issuer.KeySet().Signing().ID()
	}
	return bundle.Keys()[0].ID()
}

func (t *Token) warnOfSharedKey(at conf.Place, one, other string) {
	text := fmt.Sprintf("the services %q and %q have the same key, "+
		"and zot does not compare the service", one, other)
	if t.sharedKey {
		at.Warnf("%s", text)
		return
	}
	at.Errorf("%s: give each certificate and key of its own, or set token.shared_key: true", text)
}

// issuer makes the issuer of some settings. It is nil after a mistake.
func (t *Token) issuer(s tokenSettings, made madeKeys) Issuer {
	if s.issuer == "" {
		s.Errorf("token.issuer is missing: the name that the registries have as issuer")
		return nil
	}
	keys := t.keys(s, made)
	if keys == nil {
		return nil
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{
		Name: s.issuer, Keys: keys, Lifetime: s.expiration,
		// docker_auth's default is libtrust's id. Registries go by the certificate, which is in the token
		// too.
		LibtrustKeyID: s.thumbprintKeyID == nil || !*s.thumbprintKeyID,
	})
	if err != nil {
		s.Errorf("token: %w", err)
		return nil
	}
	if s.shareFor == nil || *s.shareFor == 0 {
		return issuer
	}
	return s.sharing(issuer)
}

// sharing returns an issuer that gives one token to all that ask the same within a time.
func (s *tokenSettings) sharing(issuer *token.Issuer) Issuer {
	if most := s.expiration / 4; *s.shareFor > most {
		s.Errorf("token: share_for: tokens that live for %v can be shared for "+
			"%v at most, and not for %v", s.expiration, most, *s.shareFor)
		return nil
	}
	shared, err := share.New(issuer, share.Config{For: *s.shareFor})
	if err != nil {
		s.Errorf("token: share_for: %w", err)
		return nil
	}
	return shared
}

// tokenSettings are the keys that token and each of its services have.
type tokenSettings struct {
	conf.Place

	issuer          string
	expiration      time.Duration
	shareFor        *time.Duration // nil: not given
	thumbprintKeyID *bool          // nil: not given
	keyFiles
}

func (s *tokenSettings) fields() []conf.Field {
	return append(s.keyFiles.fields(),
		conf.Text("issuer", &s.issuer),
		conf.Func("expiration", func(n *conf.Node) { s.expiration = expiration(n) }),
		conf.Func("share_for", func(n *conf.Node) {
			if !n.Null() {
				period := n.DurationOrZero()
				s.shareFor = &period
			}
		}),
		conf.Func("disable_legacy_key_id", func(n *conf.Node) {
			if disabled := n.Bool(); !n.Null() {
				s.thumbprintKeyID = &disabled
			}
		}),
	)
}

// expiration reads seconds. A token that lives for longer than the library allows would be a
// password that cannot be changed.
func expiration(n *conf.Node) time.Duration {
	const least, most = 60, 3600 // those of [token.IssuerConfig]
	switch seconds := n.Int(); {
	case seconds < least:
		n.Errorf("expiration must be at least %d seconds, which clients assume, and is %d",
			least, seconds)
		return 0
	case seconds > most:
		n.Warnf("expiration: %d seconds are more than tokens may live, which is %d; "+
			"clients are told and fetch another in time", seconds, most)
		return most * time.Second
	default:
		return time.Duration(seconds) * time.Second
	}
}

// or returns the settings of a service, completed with the common ones.
func (s tokenSettings) or(common tokenSettings) tokenSettings {
	if s.issuer == "" {
		s.issuer = common.issuer
	}
	if s.expiration == 0 {
		s.expiration = common.expiration
	}
	if s.shareFor == nil {
		s.shareFor = common.shareFor
	}
	if !s.ownKey() {
		s.keyFiles = common.keyFiles
	}
	if s.thumbprintKeyID == nil {
		s.thumbprintKeyID = common.thumbprintKeyID
	}
	return s
}
