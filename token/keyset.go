package token

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// A KeySet holds the key that signs and the keys whose tokens are still accepted.
//
// To change the signing key, Add the next one, wait until every registry knows it, Promote it, wait
// until the last token of the old key has expired (the lifetime, and a minute of leeway), and Retire
// the old one. The set of [AuthorityKeys] does this by itself, and can be changed by hand as well. All
// methods are safe for concurrent use; a token that is issued or verified during a change sees the
// set before or after it.
type KeySet struct {
	mu      sync.Mutex
	keys    *keys          // replaced, never changed
	renewal *AuthorityKeys // or nil
}

// keys is one state of a KeySet.
type keys struct {
	signing *Key // nil if the set only verifies
	list    []*Key
	byID    map[string]*Key
	byKeyID map[string]*Key // by every kid that a token may have
	jwks    []byte
	bundle  []byte
}

// NewKeySet returns a set in which signing signs, and others are accepted as well. A set without a
// signing key only verifies; [NewIssuer] refuses it. The error wraps [ErrKey]: signing cannot sign, a
// key is nil or there twice, or there is none at all.
func NewKeySet(signing *Key, others ...*Key) (*KeySet, error) {
	list := others
	if signing != nil {
		list = append([]*Key{signing}, others...)
	}
	first, err := newKeys(signing, list)
	if err != nil {
		return nil, err
	}
	return &KeySet{keys: first}, nil
}

// Signing returns the key that signs, or nil if the set only verifies.
func (s *KeySet) Signing() *Key { return s.current().signing }

// Keys returns all keys, in the order in which they were added.
func (s *KeySet) Keys() []*Key { return slices.Clone(s.current().list) }

// Add adds a key that verifies and does not sign yet. It replaces a key with the same id, which is how
// a certificate is renewed; a key that signs cannot be replaced by one that cannot. The error wraps
// [ErrKey].
func (s *KeySet) Add(key *Key) error {
	if key == nil {
		return fmt.Errorf("add key: %w: nil", ErrKey)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list, signing := slices.Clone(s.keys.list), s.keys.signing
	old := s.keys.byID[key.id]
	switch {
	case old == nil:
		list = append(list, key)
	case old == signing:
		signing = key
		fallthrough
	default:
		list[slices.Index(list, old)] = key
	}
	return s.replace(signing, list)
}

// Promote makes the key with this id the signing key; the one before stays in the set. The error wraps
// [ErrKey]: there is no such key, or it cannot sign.
func (s *KeySet) Promote(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.keys.byID[id]
	if key == nil {
		return fmt.Errorf("promote key: %w: %q", errNotInSet, id)
	}
	return s.replace(key, s.keys.list)
}

// Retire removes the key with this id, so that its tokens are refused. The error wraps [ErrKey]: there
// is no such key, or it is the one that signs, or the last one.
func (s *KeySet) Retire(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.keys.byID[id]
	switch {
	case key == nil:
		return fmt.Errorf("retire key: %w: %q", errNotInSet, id)
	case key == s.keys.signing || len(s.keys.list) == 1:
		return fmt.Errorf("retire key: %w: %q", errKeyInUse, id)
	}
	isKey := func(other *Key) bool { return other == key }
	return s.replace(s.keys.signing, slices.DeleteFunc(slices.Clone(s.keys.list), isKey))
}

// replace sets the keys, unless there is something wrong with them. The caller has locked the set.
func (s *KeySet) replace(signing *Key, list []*Key) error {
	next, err := newKeys(signing, list)
	if err == nil {
		s.keys = next
	}
	return err
}

// current returns the state of the set, after a renewal that is due.
func (s *KeySet) current() *keys {
	if s.renewal != nil {
		s.renewal.renewIfDue()
	}
	return s.load()
}

func (s *KeySet) load() *keys {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys
}

// signingUntil returns the key for a token that expires at end. It is an error if registries would
// refuse the token earlier, because the certificate of the key ends.
func (s *KeySet) signingUntil(end time.Time) (*Key, error) {
	if key := s.current().signing; key.maySign(end) {
		return key, nil
	}
	if s.renewal != nil {
		if err := s.renewal.renewFor(end); err != nil {
			return nil, err
		}
	}
	key := s.load().signing
	if !key.maySign(end) {
		return nil, fmt.Errorf("%w: that of the signing key ends before the token", errBadCertificate)
	}
	return key, nil
}

func newKeys(signing *Key, list []*Key) (*keys, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: the key set is empty", ErrKey)
	}
	if signing != nil && !signing.CanSign() {
		return nil, fmt.Errorf("key set: %w: %v", errPublicOnly, signing)
	}
	k := &keys{
		signing: signing, list: slices.Clone(list),
		byID: make(map[string]*Key), byKeyID: make(map[string]*Key),
	}
	for _, key := range list {
		if key == nil || k.byID[key.id] != nil {
			return nil, fmt.Errorf("%w: a key of the set is nil or there twice", ErrKey)
		}
		k.byID[key.id] = key
		k.byKeyID[key.id] = key
		k.byKeyID[key.libtrustID] = key
	}
	for _, key := range list { // a name from a JWKS never hides the computed id of another key
		if _, taken := k.byKeyID[key.name]; key.name != "" && !taken {
			k.byKeyID[key.name] = key
		}
	}
	var err error
	k.jwks, err = encodeJWKS(list)
	k.bundle = encodeBundle(list)
	return k, err
}
