package token

import "fmt"

// Keys are what an [Issuer] signs with: a *[Key], a *[KeySet], [KeyFiles], an *[Authority], whose
// keys renew themselves, or *[AuthorityKeys]. Only those are Keys.
type Keys interface {
	keySet() (*KeySet, error)
}

var _ = []Keys{(*Key)(nil), (*KeySet)(nil), (*Authority)(nil), (*AuthorityKeys)(nil), keyFiles{}}

func (k *Key) keySet() (*KeySet, error) { return NewKeySet(k) }

func (s *KeySet) keySet() (*KeySet, error) {
	if s == nil {
		return nil, fmt.Errorf("%w: the key set is nil", ErrKey)
	}
	return s, nil
}

func (a *Authority) keySet() (*KeySet, error) {
	if a == nil {
		return nil, fmt.Errorf("%w: the authority is nil", ErrKey)
	}
	keys, err := a.NewKeys(AuthorityKeysConfig{})
	if err != nil {
		return nil, err
	}
	return keys.set, nil
}

func (k *AuthorityKeys) keySet() (*KeySet, error) {
	if k == nil {
		return nil, fmt.Errorf("%w: the keys of an authority are nil", ErrKey)
	}
	return k.set, nil
}
