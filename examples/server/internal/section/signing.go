package section

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
	"github.com/berthpass/registry-auth/token"
)

// keyFiles are a certificate and its key. With authority they are those of an authority, below
// which the signing keys are made, for keyLifetime each.
type keyFiles struct {
	certificate, key pemFile
	keyPEM           authn.Secret
	authority        bool
	keyLifetime      time.Duration
}

// A pemFile is the content of a file.
type pemFile struct {
	conf.Place

	path  string // "" if none is named
	bytes []byte
}

func (f *pemFile) read(n *conf.Node, name string, readFile func(*conf.Node) []byte) {
	if f.Place, f.path = n.Place, n.Text(); f.path != "" {
		f.bytes = readFile(n.As(name))
	}
}

// ownKey reports whether a key is named.
func (k *keyFiles) ownKey() bool {
	return k.certificate.path != "" || k.key.path != "" || k.keyPEM != ""
}

func (k *keyFiles) fields() []conf.Field {
	return []conf.Field{
		conf.Func("certificate", func(n *conf.Node) {
			k.certificate.read(n, "token.certificate", (*conf.Node).ReadFile)
		}),
		conf.Func("key", func(n *conf.Node) {
			k.key.read(n, "token.key", (*conf.Node).ReadSecretFile)
		}),
		conf.Func("key_env", func(n *conf.Node) { k.keyPEM = n.Variable() }),
		conf.Bool("authority", &k.authority),
		conf.Duration("key_lifetime", &k.keyLifetime),
	}
}

// madeKeys are by a hash of what they were made of: services that share a key share its warnings
// and its renewal.
type madeKeys map[[sha256.Size]byte]token.Keys

// keys makes the keys of some settings. They are nil after a mistake. Without a key for tokens,
// that of the server signs, as with docker_auth.
func (t *Token) keys(s tokenSettings, made madeKeys) token.Keys {
	if !s.ownKey() {
		s.certificate, s.key = t.server.certificate, t.server.key
	}
	switch {
	case s.certificate.path == "" || s.key.path == "" && s.keyPEM == "":
		s.Errorf("token.certificate and token.key are needed, unless server has them; " +
			"make them with: server keygen")
		return nil
	case s.key.path != "" && s.keyPEM != "":
		s.Errorf("token.key and token.key_env are the same secret: give one of them")
		return nil
	}
	keyPEM, certPEM := s.key.bytes, s.certificate.bytes
	if s.keyPEM != "" {
		keyPEM = []byte(s.keyPEM + "\n")
	}
	hash := sha256.Sum256(fmt.Appendf(nil, "%q %q %t %v", keyPEM, certPEM, s.authority, s.keyLifetime))
	if keys := made[hash]; keys != nil {
		return keys
	}
	keys, warnings, err := t.newKeys(s, keyPEM, certPEM)
	if err != nil {
		s.certificate.Errorf("token key and certificate: %w", err)
		return nil
	}
	for _, warning := range warnings {
		s.certificate.Warnf("%s", warning)
	}
	made[hash] = keys
	return keys
}

// newKeys returns the one key, or those that are made below an authority. Each load makes a new
// first key below it: registries accept them all, so none has to be kept.
func (t *Token) newKeys(
	s tokenSettings, keyPEM, certPEM []byte,
) (keys token.Keys, warnings []string, err error) {
	if s.keyLifetime != 0 && !s.authority {
		return nil, nil, errors.New(
			"key_lifetime is about the keys below an authority, and authority is not set")
	}
	key, err := token.ParseKey(keyPEM, certPEM)
	if err != nil {
		return nil, nil, err
	}
	if !s.authority {
		return key, key.Warnings(), nil
	}
	authority, err := token.NewAuthority(key)
	if err != nil {
		return nil, nil, err
	}
	below, err := authority.NewKeys(token.AuthorityKeysConfig{Lifetime: s.keyLifetime})
	if err != nil {
		return nil, nil, err
	}
	t.renewed = append(t.renewed, below)
	return below, authority.Warnings(), nil
}

var errRenewal = errors.New(
	"with a signing key that could not be renewed, and goes on until its end: the log says why")

// renewalError reports whether it is time for a new key below an authority and there is none.
func (t *Token) renewalError() error {
	for _, keys := range t.renewed {
		if keys.Err() != nil {
			return errRenewal
		}
	}
	return nil
}

func renewalMetric(fails func() error) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "registry_auth_signing_key_renewal_failing",
		Help: "Whether it is time for a new signing key below an authority, and there is none.",
	}, func() float64 {
		if fails() != nil {
			return 1
		}
		return 0
	})
}
