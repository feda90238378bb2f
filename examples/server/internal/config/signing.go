package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/berthpass/registry-auth/token"
)

// keySets are those that were made, by a hash of what they were made of: services that share a key share its set.
type keySets map[[sha256.Size]byte]*token.KeySet

// keySet makes the keys of some settings, or reports why it cannot.
func (l *loader) keySet(s tokenSettings, made keySets) *token.KeySet {
	r := &reader{loader: l, file: s.file}
	at, keyPEM, certPEM, ok := r.keyFiles(s)
	if !ok {
		return nil
	}
	hash := sha256.Sum256(fmt.Appendf(nil, "%q %q %t %v", keyPEM, certPEM, s.authority, s.keyLifetime))
	if keys := made[hash]; keys != nil {
		return keys
	}
	var keys *token.KeySet
	var warnings []string
	var err error
	switch {
	case s.authority:
		keys, warnings, err = l.keysBelow(keyPEM, certPEM, s.keyLifetime)
	case s.keyLifetime != 0:
		err = errors.New("key_lifetime is about the keys below an authority, and authority is not set")
	default:
		keys, warnings, err = keyOf(keyPEM, certPEM)
	}
	if err != nil {
		l.problem(at, fmt.Errorf("token key and certificate: %w", err))
		return nil
	}
	for _, warning := range warnings {
		l.warning(at, warning)
	}
	made[hash] = keys
	return keys
}

// keyOf returns the set of the one key.
func keyOf(keyPEM, certPEM []byte) (keys *token.KeySet, warnings []string, err error) {
	key, err := token.ParseKey(keyPEM, certPEM)
	if err != nil {
		return nil, nil, err
	}
	keys, err = token.NewKeySet(key)
	return keys, key.Warnings(), err
}

// keysBelow returns a set whose keys are made below an authority. Each time that a configuration is loaded the first key is a
// new one: registries accept them all, so none has to be kept.
func (l *loader) keysBelow(keyPEM, certPEM []byte, lifetime time.Duration) (keys *token.KeySet, warnings []string, err error) {
	key, err := token.ParseKey(keyPEM, certPEM)
	if err != nil {
		return nil, nil, err
	}
	authority, err := token.NewAuthority(key)
	if err != nil {
		return nil, nil, err
	}
	below, err := authority.NewKeys(token.AuthorityKeysConfig{Lifetime: lifetime})
	if err != nil {
		return nil, nil, err
	}
	l.cfg.Token.Renewed = append(l.cfg.Token.Renewed, below)
	return below.KeySet(), authority.Warnings(), nil
}

// keyFiles reads key and certificate. Without ones for tokens, those of the server are taken, as docker_auth does.
func (r *reader) keyFiles(s tokenSettings) (at Position, keyPEM, certPEM []byte, ok bool) {
	if !s.ownKey() {
		s.certificate, s.key = r.tlsCertificate, r.tlsKey
	}
	if s.certificate == nil || s.key == nil && !s.keyPEM.given {
		r.problem(s.at, errors.New("token.certificate and token.key are needed, unless server has them; make them with: server keygen"))
		return s.at, nil, nil, false
	}
	if s.key != nil && s.keyPEM.given {
		r.problem(s.at, errors.New("token.key and token.key_env are the same secret: give one of them"))
		return s.at, nil, nil, false
	}
	at = r.at(s.certificate)
	certPEM, err := r.readFile(r.text(s.certificate, "certificate"))
	if err != nil {
		r.fail(s.certificate, "token.certificate: %w", plain(err))
		return at, nil, nil, false
	}
	if s.keyPEM.given {
		return at, []byte(s.keyPEM.value + "\n"), certPEM, true
	}
	keyFile := r.text(s.key, "key")
	if keyPEM, err = r.readFile(keyFile); err != nil {
		r.fail(s.key, "token.key: %w", plain(err))
		return at, nil, nil, false
	}
	r.warnOfReaders(s.key, keyFile)
	return at, keyPEM, certPEM, true
}

// warnOfReaders tells of a secret file that everybody may read.
func (r *reader) warnOfReaders(n *yaml.Node, path string) {
	const others = 0o004
	if info, err := os.Stat(path); err == nil && info.Mode()&others != 0 {
		r.warn(n, "everybody on this machine can read %s; protect it with chmod o-r", path)
	}
}
