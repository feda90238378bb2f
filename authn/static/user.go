package static

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// A User is one entry of a list of users.
type User struct {
	// Name is the name that the user types, compared exactly, and the name of the Subject. It has
	// 1 to 255 bytes of UTF-8 without control characters, colons (HTTP Basic ends the name there)
	// or surrounding white space. Names are unique, even among users of different kinds.
	Name string
	// PasswordHash is a hash for [password.Parse]. The Stamp of the Subject changes with it.
	PasswordHash authn.Secret
	Kind         authn.Kind
	Labels       map[string][]string
	// Disabled rejects the user even with the right password. Remembered logins and refresh tokens
	// stop working as well.
	Disabled bool
}

// A UserError reports a user that is not acceptable.
type UserError struct {
	Index int // in the list, from zero
	Name  string
	Err   error // can wrap [password.ErrHash]; contains neither the name nor the hash
}

// Error returns the position, the quoted name and the reason.
func (e *UserError) Error() string {
	return fmt.Sprintf("user %d, %+q: %v", e.Index, e.Name, e.Err)
}

// Unwrap returns the reason.
func (e *UserError) Unwrap() error { return e.Err }

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the user name is empty")
	case len(name) > 255:
		return errors.New("the user name is longer than 255 bytes")
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

// parse returns the hash of an acceptable user.
func (u User) parse() (password.Hash, error) {
	if err := checkName(u.Name); err != nil {
		return password.Hash{}, err
	}
	if _, err := u.Kind.MarshalText(); err != nil {
		return password.Hash{}, err
	}
	return password.Parse(u.PasswordHash)
}
