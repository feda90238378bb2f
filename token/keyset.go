package token

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A KeySet holds the key that signs now and the keys whose tokens are still accepted.
//
// To change the signing key, Add the next one, wait until every registry knows it, Promote it, wait until the last token
// of the old key has expired (the lifetime, and a minute of leeway), and Retire the old one. Every method is safe for
// concurrent use, at any time: a token that is issued or verified meanwhile sees the set before the change or after it,
// and readers never wait.
//
// The set of [AuthorityKeys] or of a [KeyFile] does all that by itself, whenever it is used; it may be changed by hand as
// well.
type KeySet struct {
	mu      sync.Mutex // held by writers
	current atomic.Pointer[keys]
	keeper  keeper // or nil
}

// A keeper changes the keys of a set when it is time to. Its methods are safe for concurrent use.
type keeper interface {
	// keep is called before each use of the set. Almost always it compares times and returns. It may be slow for the one
	// call that has something to do, and never makes the others wait.
	keep()
	// signUntil waits for a signing key that may sign a token which ends then.
	signUntil(end time.Time) error
}

// keys is one state of a KeySet. It never changes.
type keys struct {
	signing    *Key // nil in a set that only verifies
	list       []*Key
	byID       map[string]*Key
	byKeyID    map[string]*Key // every kid by which a token may name a key
	jwks       []byte
	bundle     []byte
	algorithms []Algorithm
}

// NewKeySet returns a set in which signing signs, and others are accepted as well. A set with a nil signing key and at
// least one other only verifies; [NewIssuer] refuses it. The error wraps [errPublicOnly] when signing cannot sign, and
// [errNotInSet] when there is no key at all.
func NewKeySet(signing *Key, others ...*Key) (*KeySet, error) {
	list := others
	if signing != nil {
		list = append([]*Key{signing}, others...)
	}
	first, err := newKeys(signing, list)
	if err != nil {
		return nil, err
	}
	set := &KeySet{}
	set.current.Store(first)
	return set, nil
}

// Signing returns the key that signs now, or nil when the set only verifies.
func (s *KeySet) Signing() *Key { return s.load().signing }

// Keys returns all keys, in the order in which they were added.
func (s *KeySet) Keys() []*Key { return slices.Clone(s.load().list) }

// Add adds a key that verifies and does not sign yet. A key with the id of one in the set takes its place: so a
// certificate is renewed under the same key. The error wraps [errPublicOnly] when that one signs and the new one cannot.
func (s *KeySet) Add(key *Key) error {
	if key == nil {
		return fmt.Errorf("add key: %w: nil", errNotInSet)
	}
	return s.update("add key", func(now *keys) (*keys, error) {
		list, signing := slices.Clone(now.list), now.signing
		old := now.byID[key.id]
		if old == nil {
			return newKeys(signing, append(list, key))
		}
		if old == signing {
			signing = key
		}
		list[slices.Index(list, old)] = key
		return newKeys(signing, list)
	})
}

// Promote lets the key with this id sign from now on; the one that signed is kept. The error wraps [errNotInSet], or
// [errPublicOnly] when the key cannot sign.
func (s *KeySet) Promote(id string) error {
	return s.update("promote key", func(now *keys) (*keys, error) {
		key := now.byID[id]
		if key == nil {
			return nil, fmt.Errorf("%w: %q", errNotInSet, id)
		}
		return newKeys(key, now.list)
	})
}

// Retire removes the key with this id: its tokens are refused from now on. The error wraps [errNotInSet], or
// [errKeyInUse] when it is the one that signs, or the last one.
func (s *KeySet) Retire(id string) error {
	return s.update("retire key", func(now *keys) (*keys, error) {
		key := now.byID[id]
		switch {
		case key == nil:
			return nil, fmt.Errorf("%w: %q", errNotInSet, id)
		case key == now.signing || len(now.list) == 1:
			return nil, fmt.Errorf("%w: %q", errKeyInUse, id)
		}
		return newKeys(now.signing, slices.DeleteFunc(slices.Clone(now.list), func(k *Key) bool { return k == key }))
	})
}

// load returns the present state of the set.
func (s *KeySet) load() *keys {
	if s.keeper != nil {
		s.keeper.keep()
	}
	return s.current.Load()
}

// signingUntil returns the key that signs a token which ends then. The error wraps errBadCertificate when registries would
// refuse the token before its end, or says why there is no other key.
func (s *KeySet) signingUntil(end time.Time) (*Key, error) {
	if key := s.load().signing; key.maySign(end) {
		return key, nil
	}
	if s.keeper != nil {
		if err := s.keeper.signUntil(end); err != nil {
			return nil, err
		}
	}
	key := s.current.Load().signing
	if !key.maySign(end) {
		return nil, fmt.Errorf("%w: that of the signing key ends before the token would", errBadCertificate)
	}
	return key, nil
}

func (s *KeySet) update(doing string, change func(*keys) (*keys, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := change(s.current.Load())
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	s.current.Store(next)
	return nil
}

func newKeys(signing *Key, list []*Key) (*keys, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("make key set: %w: no key", errNotInSet)
	}
	if signing != nil && !signing.CanSign() {
		return nil, fmt.Errorf("make key set: %w: %v", errPublicOnly, signing)
	}
	k := &keys{signing: signing, list: slices.Clone(list), byID: make(map[string]*Key, len(list))}
	for _, key := range list {
		if key == nil {
			return nil, fmt.Errorf("make key set: %w: nil", errNotInSet)
		}
		if k.byID[key.id] != nil {
			return nil, fmt.Errorf("make key set: %v is there twice", key)
		}
		k.byID[key.id] = key
		k.algorithms = append(k.algorithms, key.algorithm)
	}
	k.byKeyID = indexKeyIDs(list)
	var err error
	if k.jwks, err = encodeJWKS(list); err != nil {
		return nil, fmt.Errorf("make key set: %w", err)
	}
	k.bundle = encodeBundle(list)
	return k, nil
}

// indexKeyIDs maps every kid to its key. The ids that are computed from the keys come first: a name that somebody gave to
// a key in a JWKS never hides one.
func indexKeyIDs(list []*Key) map[string]*Key {
	index := make(map[string]*Key, 2*len(list))
	for _, key := range list {
		index[key.id] = key
		index[key.libtrustID] = key
	}
	for _, key := range list {
		if _, taken := index[key.name]; key.name != "" && !taken {
			index[key.name] = key
		}
	}
	return index
}
