package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/share"
)

// Token says what tokens say and who signs them.
type Token struct {
	// Services are the services that may be asked for. Nil means any.
	Services map[string]*Service
	// AnyService issues for services that are not listed, when there is no list; otherwise it is nil.
	AnyService Issuer
	// SharedKey permits several services to have one key.
	SharedKey bool
	// Renewed are the keys below authorities, which say when there is no new one although it is time.
	Renewed []*token.AuthorityKeys

	settings tokenSettings
	services map[string]tokenSettings
}

// An Issuer makes tokens: a [*token.Issuer], or a [*share.Issuer] where tokens are shared.
type Issuer interface {
	Issue(ctx context.Context, request token.Request) (token.Token, error)
	KeySet() *token.KeySet
}

// A Service is a registry that tokens are issued for.
type Service struct {
	Issuer Issuer
	// Rules are those of the service alone, in place of the common ones, or nil.
	Rules *Rules
}

// Issuer returns what issues tokens for a service, or nil.
func (t *Token) Issuer(service string) Issuer {
	if s := t.Services[service]; s != nil {
		return s.Issuer
	}
	return t.AnyService
}

// ServiceNames are the names of the services that may be asked for, or nil for any.
func (t *Token) ServiceNames() []string {
	if t.Services == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(t.Services))
}

func (t *Token) serviceNames() []string { return slices.Sorted(maps.Keys(t.Services)) }

func (l *loader) servicesHaveRules() bool {
	for _, service := range l.cfg.Token.Services {
		if service.Rules == nil {
			return false
		}
	}
	return len(l.cfg.Token.Services) > 0
}

// tokenSettings are the keys that token and each of its services have. Those of a service replace the common ones.
type tokenSettings struct {
	at               Position
	file             string
	issuer           string
	certificate, key *yaml.Node
	keyPEM           secret
	expiration       time.Duration
	shareFor         *time.Duration // zero: tokens are not shared; nil when it is not said
	thumbprintKeyID  *bool          // nil when it is not said
	// authority says that certificate and key are those of an authority, below which the signing keys are made, for keyLifetime
	// each. It goes with certificate and key.
	authority   bool
	keyLifetime time.Duration
}

// ownKey reports whether a key is named, and not that of another section.
func (s tokenSettings) ownKey() bool { return s.certificate != nil || s.key != nil || s.keyPEM.given }

func (r *reader) token(section, n *yaml.Node) {
	t := &r.cfg.Token
	t.settings = tokenSettings{at: r.at(section), file: r.file}
	r.mapping(n, "token", func(key string, value *yaml.Node) bool {
		switch key {
		case "services":
			r.services(value)
		case "shared_key":
			t.SharedKey = r.boolean(value, key)
		default:
			return r.tokenSetting(&t.settings, key, value)
		}
		return true
	})
}

func (r *reader) tokenSetting(s *tokenSettings, key string, value *yaml.Node) bool {
	switch key {
	case "issuer":
		s.issuer = r.text(value, key)
	case "expiration":
		s.expiration = r.expiration(value)
	case "share_for":
		if !isNull(r.resolve(value)) {
			period := r.durationOrNone(value, key)
			s.shareFor = &period
		}
	case "certificate":
		s.certificate = r.given(value, key)
	case "key":
		s.key = r.given(value, key)
	case "key_env":
		r.secret(&s.keyPEM, key, value)
	case "disable_legacy_key_id":
		if disabled := r.boolean(value, key); !isNull(r.resolve(value)) {
			s.thumbprintKeyID = &disabled
		}
	case "authority":
		s.authority = r.boolean(value, key)
	case "key_lifetime":
		s.keyLifetime = r.duration(value, key)
	default:
		return false
	}
	return true
}

// expiration reads seconds. A token that lives for longer than the library allows would be a password that cannot be changed.
func (r *reader) expiration(n *yaml.Node) time.Duration {
	const least, most = 60, 3600 // those of [token.IssuerConfig]
	switch seconds := r.integer(n, "expiration"); {
	case seconds < least:
		r.fail(n, "expiration must be at least %d seconds, which clients assume, and is %d", least, seconds)
		return 0
	case seconds > most:
		r.warn(n, "expiration: %d seconds are more than tokens may live, which is %d; "+
			"clients are told and fetch another in time", seconds, most)
		return most * time.Second
	default:
		return time.Duration(seconds) * time.Second
	}
}

// services reads a list of names, or a mapping of names to settings.
func (r *reader) services(n *yaml.Node) {
	t := &r.cfg.Token
	t.Services, t.services = make(map[string]*Service), make(map[string]tokenSettings)
	add := func(key *yaml.Node) bool {
		_, taken := t.Services[key.Value]
		if taken || key.Value == "" || key.Kind != yaml.ScalarNode {
			r.fail(key, "token.services: a service needs a name that is not empty and of which there is one")
			return false
		}
		t.Services[key.Value], t.services[key.Value] = &Service{}, tokenSettings{at: r.at(key), file: r.file}
		return true
	}
	if list := r.resolve(n); list.Kind == yaml.SequenceNode {
		r.sequence(list, "token.services", func(item *yaml.Node) { add(item) })
	} else {
		r.entries(n, "token.services", func(key, value *yaml.Node) {
			if add(key) {
				r.service(key.Value, value)
			}
		})
	}
	if len(t.Services) == 0 {
		r.fail(n, "token.services is empty, so that no token could be issued; leave it out to issue for any service")
	}
}

func (r *reader) service(name string, n *yaml.Node) {
	settings, rules := r.cfg.Token.services[name], Rules{}
	r.mapping(n, fmt.Sprintf("the service %q", name), func(key string, value *yaml.Node) bool {
		switch key {
		case "acl", "acl_file", "acl_dir":
			r.rules(key, value, &rules)
		default:
			return r.tokenSetting(&settings, key, value)
		}
		return true
	})
	if (settings.authority || settings.keyLifetime != 0) && !settings.ownKey() {
		r.fail(n, "the service %q: authority and key_lifetime are about a certificate and key beside them, and there are none", name)
	}
	r.cfg.Token.services[name] = settings
	if rules.given {
		r.cfg.Token.Services[name].Rules = &rules
	}
}

// checkToken loads the keys and makes the issuers.
func (l *loader) checkToken(section Position) {
	t := &l.cfg.Token
	switch {
	case t.settings.file == "":
		l.problem(section, errors.New("token is missing: the section with issuer, expiration, certificate and key"))
		return
	case t.settings.expiration == 0 && len(l.problems) == 0:
		l.problem(t.settings.at, errors.New("token.expiration is missing: the life of a token in seconds, such as 900"))
		return
	}
	keys := make(keySets)
	if t.Services == nil {
		t.AnyService = l.issuer(t.settings, keys)
		l.warning(t.settings.at, "without token.services, tokens are issued for any service that a client names; list the service of each registry")
		return
	}
	owners := make(map[string]string)
	for _, name := range t.serviceNames() {
		settings := t.services[name].or(t.settings)
		issuer := l.issuer(settings, keys)
		if issuer == nil {
			continue
		}
		t.Services[name].Issuer = issuer
		id := trustedKey(issuer)
		if other, shared := owners[id]; shared {
			l.sharedKey(settings.at, other, name)
		}
		owners[id] = name
	}
}

// trustedKey identifies the key that registries have: the one that signs, or that of the authority.
func trustedKey(issuer Issuer) string {
	bundle, err := token.ParseBundle(issuer.KeySet().BundlePEM())
	if err != nil { // which holds one certificate, so it does not happen
		return issuer.KeySet().Signing().ID()
	}
	return bundle.Keys()[0].ID()
}

func (l *loader) sharedKey(at Position, one, other string) {
	text := fmt.Sprintf("the services %q and %q have the same key, and zot does not compare the service", one, other)
	if l.cfg.Token.SharedKey {
		l.warning(at, text)
		return
	}
	l.problem(at, errors.New(text+": give each certificate and key of its own, or set token.shared_key: true"))
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
		s.certificate, s.key, s.keyPEM = common.certificate, common.key, common.keyPEM
		s.authority, s.keyLifetime = common.authority, common.keyLifetime
	}
	if s.thumbprintKeyID == nil {
		s.thumbprintKeyID = common.thumbprintKeyID
	}
	return s
}

// issuer makes the issuer of some settings, or reports why it cannot.
func (l *loader) issuer(s tokenSettings, made keySets) Issuer {
	if s.issuer == "" {
		l.problem(s.at, errors.New("token.issuer is missing: the name that the registries have as issuer"))
		return nil
	}
	keys := l.keySet(s, made)
	if keys == nil {
		return nil
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{
		Name: s.issuer, Keys: keys, Lifetime: s.expiration,
		// docker_auth's default is the id of the libtrust library. Registries go by the certificate, which is in the token too.
		LibtrustKeyID: s.thumbprintKeyID == nil || !*s.thumbprintKeyID,
	})
	if err != nil {
		l.problem(s.at, fmt.Errorf("token: %w", err))
		return nil
	}
	if s.shareFor == nil || *s.shareFor == 0 {
		return issuer
	}
	return l.sharing(issuer, s)
}

// sharing returns an issuer that gives one token to all that ask the same within a time.
func (l *loader) sharing(issuer *token.Issuer, s tokenSettings) Issuer {
	if most := s.expiration / 4; *s.shareFor > most {
		l.problem(s.at, fmt.Errorf("token: share_for: tokens that live for %v can be shared for "+
			"%v at most, and not for %v", s.expiration, most, *s.shareFor))
		return nil
	}
	shared, err := share.New(issuer, share.Config{For: *s.shareFor})
	if err != nil {
		l.problem(s.at, fmt.Errorf("token: share_for: %w", err))
		return nil
	}
	return shared
}
