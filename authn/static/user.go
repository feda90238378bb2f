package static

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// A User is one entry of a list of users.
type User struct {
	// Name is what the user types, compared exactly, and the name of the Subject. It has 1 to 255 bytes of UTF-8, without
	// control characters, without a colon (HTTP Basic ends the name there) and without white space at its ends. Names are
	// unique, whatever the kind.
	Name string
	// PasswordHash is a hash that [password.Parse] accepts.
	PasswordHash authn.Secret
	// Kind tells a person from a service account.
	Kind authn.Kind
	// Labels become those of the Subject. They are copied.
	Labels map[string][]string
	// Disabled keeps the user from logging in and from using what was issued before, with the right password too.
	Disabled bool
}

// A UserError says which user of a list cannot be used.
type UserError struct {
	// Index is the position in the list, from zero.
	Index int
	// Name is the user's name as it was given.
	Name string
	// Err is the reason. It wraps the errors of [password.Parse], and contains neither the name nor anything of the hash.
	Err error
}

// Error returns the position, the quoted name and the reason.
func (e *UserError) Error() string {
	return fmt.Sprintf("static: user %d, %+q: %v", e.Index, e.Name, e.Err)
}

// Unwrap returns the reason.
func (e *UserError) Unwrap() error { return e.Err }

const maxNameBytes = 255

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the user name is empty")
	case len(name) > maxNameBytes:
		return fmt.Errorf("the user name is longer than %d bytes", maxNameBytes)
	case !utf8.ValidString(name):
		return errors.New("the user name is not valid UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("the user name has a control character")
	case strings.Contains(name, ":"):
		return errors.New("the user name has a colon, where HTTP Basic would end it")
	case strings.TrimSpace(name) != name:
		return errors.New("the user name begins or ends with white space")
	}
	return nil
}

// account checks a user and makes of it what is kept.
func (u *User) account() (account, error) {
	if err := checkName(u.Name); err != nil {
		return account{}, err
	}
	if u.Kind != authn.KindUser && u.Kind != authn.KindServiceAccount {
		return account{}, fmt.Errorf("there is no kind of subject %d", u.Kind)
	}
	hash, err := password.Parse(u.PasswordHash)
	if err != nil {
		return account{}, err
	}
	subject := authn.Subject{Name: u.Name, Kind: u.Kind, Labels: cloneLabels(u.Labels), Stamp: u.stamp()}
	return account{subject, hash, u.Disabled}, nil
}

func cloneLabels(labels map[string][]string) map[string][]string {
	clone := maps.Clone(labels)
	for key, values := range clone {
		clone[key] = slices.Clone(values)
	}
	return clone
}

// stamp is derived from the name and the hash, whose salt is new with each password: it changes with the password and with an
// account that is made again under an old name. It is a part of a SHA-256, off which nothing of the hash can be read.
func (u *User) stamp() string {
	digest := sha256.New()
	for _, part := range []string{"registry-auth password stamp 1", u.Name, string(u.PasswordHash)} {
		_, _ = digest.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		_, _ = digest.Write([]byte(part))
	}
	const stampBytes = 16
	return base64.RawURLEncoding.EncodeToString(digest.Sum(nil)[:stampBytes])
}
