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
	// Name is the name that the user types, compared exactly, and the name of the Subject. It has 1
	// to 255 bytes of UTF-8 without control characters, colons (HTTP Basic ends the name there) and
	// surrounding white space. Names are unique, even among users of different kinds.
	Name string
	// PasswordHash is a hash that [password.Parse] accepts.
	PasswordHash authn.Secret
	// Kind is the kind of the Subject.
	Kind authn.Kind
	// Labels are copied to the Subject.
	Labels map[string][]string
	// Disabled rejects the user even with the right password. Remembered logins and refresh tokens
	// stop working as well.
	Disabled bool
}

// A UserError reports a user that is not acceptable.
type UserError struct {
	// Index is the position in the list, from zero.
	Index int
	// Name is the name of the user.
	Name string
	// Err is the reason. It can wrap [password.ErrHash], and contains neither the name nor the hash.
	Err error
}

// Error returns the position, the quoted name and the reason.
func (e *UserError) Error() string { return fmt.Sprintf("user %d, %+q: %v", e.Index, e.Name, e.Err) }

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
		return errors.New("the user name contains a control character")
	case strings.Contains(name, ":"):
		return errors.New("the user name contains a colon, where HTTP Basic would end it")
	case strings.TrimSpace(name) != name:
		return errors.New("the user name begins or ends with white space")
	}
	return nil
}

func (u User) account() (*account, error) {
	if err := checkName(u.Name); err != nil {
		return nil, err
	}
	if _, err := u.Kind.MarshalText(); err != nil {
		return nil, err
	}
	hash, err := password.Parse(u.PasswordHash)
	if err != nil {
		return nil, err
	}
	labels := maps.Clone(u.Labels)
	for key, values := range labels {
		labels[key] = slices.Clone(values)
	}
	subject := authn.Subject{Name: u.Name, Kind: u.Kind, Labels: labels, Stamp: u.stamp()}
	return &account{subject, hash, u.Disabled}, nil
}

// stamp is derived from the name and the hash. Every new password has a new salt, so the stamp
// changes with the password and with a new account under an old name. It is part of a SHA-256 and
// so reveals nothing of the hash.
func (u User) stamp() string {
	var message []byte
	for _, part := range []string{"registry-auth password stamp 1", u.Name, string(u.PasswordHash)} {
		message = binary.BigEndian.AppendUint64(message, uint64(len(part)))
		message = append(message, part...)
	}
	const stampBytes = 16
	digest := sha256.Sum256(message)
	return base64.RawURLEncoding.EncodeToString(digest[:stampBytes])
}
