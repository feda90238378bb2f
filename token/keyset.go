package token

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// A KeySet holds the key that signs and the keys whose tokens are still accepted. It is safe for
// concurrent use. The package comment says how to change the signing key by hand; the set of
// [AuthorityKeys] does it by itself.
type KeySet struct {
	renewal *AuthorityKeys // or nil

	mu      sync.Mutex
	signing *Key   // nil if the set only verifies
	list    []*Key // replaced, never changed
}

// NewKeySet returns a set in which signing signs, and others are accepted as well. If signing is
// nil, the set only verifies. The error wraps [ErrKey] if signing cannot sign, a key is nil or
// repeated, or there is none.
func NewKeySet(signing *Key, others ...*Key) (*KeySet, error) {
	list := slices.Clone(others)
	if signing != nil {
		list = append([]*Key{signing}, others...)
	}
	s := &KeySet{}
	if err := s.replace(signing, list); err != nil {
		return nil, err
	}
	return s, nil
}

// Signing returns the key that signs, or nil if the set only verifies.
func (s *KeySet) Signing() *Key {
	signing, _ := s.current()
	return signing
}

// Keys returns all keys, in the order in which they were added.
func (s *KeySet) Keys() []*Key {
	_, list := s.current()
	return slices.Clone(list)
}

// Add adds a key that verifies and does not sign yet. It replaces a key with the same id, to renew
// a certificate; only a key that can sign replaces the signing one. The error wraps [ErrKey].
func (s *KeySet) Add(key *Key) error {
	if key == nil {
		return fmt.Errorf("add key: %w: nil", ErrKey)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	signing, list := s.signing, slices.Clone(s.list)
	if signing != nil && signing.id == key.id {
		signing = key
	}
	if i := indexOf(list, key.id); i >= 0 {
		list[i] = key
	} else {
		list = append(list, key)
	}
	return s.replace(signing, list)
}

// Promote makes the key with this id the signing key; the one before stays in the set. The error
// wraps [ErrKey] if there is no such key or it cannot sign.
func (s *KeySet) Promote(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := indexOf(s.list, id)
	if i < 0 {
		return fmt.Errorf("promote key: %w: %q", errNotInSet, id)
	}
	return s.replace(s.list[i], s.list)
}

// Retire removes the key with this id, so that its tokens are refused. The error wraps [ErrKey] if
// there is no such key, or it signs or is the last.
func (s *KeySet) Retire(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := indexOf(s.list, id)
	switch {
	case i < 0:
		return fmt.Errorf("retire key: %w: %q", errNotInSet, id)
	case s.list[i] == s.signing || len(s.list) == 1:
		return fmt.Errorf("retire key: %w: %q", errKeyInUse, id)
	}
	return s.replace(s.signing, slices.Delete(slices.Clone(s.list), i, i+1))
}

// replace checks and sets the keys. The caller has locked the set.
func (s *KeySet) replace(signing *Key, list []*Key) error {
	switch {
	case len(list) == 0:
		return fmt.Errorf("%w: the key set is empty", ErrKey)
	case signing != nil && !signing.CanSign():
		return fmt.Errorf("%w: %v cannot sign for the key set", errPublicOnly, signing)
	}
	for i, key := range list {
		if key == nil || indexOf(list[:i], key.id) >= 0 {
			return fmt.Errorf("%w: a key of the set is nil or there twice", ErrKey)
		}
	}
	s.signing, s.list = signing, list
	return nil
}

func (s *KeySet) load() (signing *Key, list []*Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signing, s.list
}

// current does a renewal that is due before it loads the keys.
func (s *KeySet) current() (signing *Key, list []*Key) {
	if s.renewal != nil {
		s.renewal.renewIfDue()
	}
	return s.load()
}

// signingUntil returns the key for a token that expires at end, if its certificate ends later.
func (s *KeySet) signingUntil(end time.Time) (*Key, error) {
	key := s.Signing()
	if !key.maySign(end) && s.renewal != nil {
		if err := s.renewal.renewFor(end); err != nil {
			return nil, fmt.Errorf("%w: it ends before the token would: %w", errBadCertificate, err)
		}
		key, _ = s.load()
	}
	if !key.maySign(end) {
		return nil, fmt.Errorf("%w: it ends before the token would", errBadCertificate)
	}
	return key, nil
}

// find returns the key that a token names by this kid, or nil. A name from a JWKS never hides the
// computed id of another key.
func find(list []*Key, kid string) *Key {
	var named *Key
	for _, key := range list {
		if kid == key.id || kid == key.libtrustID {
			return key
		}
		if kid != "" && kid == key.name && named == nil {
			named = key
		}
	}
	return named
}

func indexOf(list []*Key, id string) int {
	return slices.IndexFunc(list, func(key *Key) bool { return key.id == id })
}
