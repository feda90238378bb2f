package token

import (
	"fmt"
	"time"
)

// Keys are what an [Issuer] signs with, and are one of these:
//
//   - a *[Key], from [GenerateKey], [LoadKey] or [NewKey]
//   - [KeyFiles], which generates the key at the first start
//   - an *[Authority], whose short-lived keys renew themselves, or *[AuthorityKeys] to configure
//     them
//   - a *[KeySet], to change the key without a restart
//
// Other types cannot be Keys. A nil pointer is an error of [NewIssuer], which wraps [ErrKey].
type Keys interface {
	// keySet returns the set that the issuer signs with. The clock is that of the issuer.
	keySet(now func() time.Time) (*KeySet, error)
}

var _ = []Keys{(*Key)(nil), keyFiles{}, (*Authority)(nil), (*AuthorityKeys)(nil), (*KeySet)(nil)}

func (k *Key) keySet(func() time.Time) (*KeySet, error) { return NewKeySet(k) }

func (a *Authority) keySet(now func() time.Time) (*KeySet, error) {
	keys, err := a.NewKeys(AuthorityKeysConfig{Now: now})
	if err != nil {
		return nil, err
	}
	return keys.set, nil
}

func (k *AuthorityKeys) keySet(func() time.Time) (*KeySet, error) {
	if k == nil || k.set == nil {
		return nil, fmt.Errorf("%w: the keys of an authority are nil or empty", ErrKey)
	}
	return k.set, nil
}

func (s *KeySet) keySet(func() time.Time) (*KeySet, error) {
	if s == nil {
		return nil, fmt.Errorf("%w: the key set is nil", ErrKey)
	}
	return s, nil
}
