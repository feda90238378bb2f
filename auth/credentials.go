package auth

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/berthpass/registry-auth/authn"
)

// The longest credentials that an authenticator is asked about, in bytes.
const (
	maxUsernameBytes = 255
	maxPasswordBytes = 8 << 10 // a JWT or a cloud's JSON key may be the password; package password takes less
)

// readBasic reads HTTP Basic credentials (RFC 7617). None at all is an anonymous request; credentials that are there but
// cannot be read are refused, and never taken for none.
func (req *tokenRequest) readBasic(r *http.Request) error {
	values := r.Header.Values("Authorization")
	switch len(values) {
	case 0:
		return nil
	case 1:
	default:
		return invalidRequest("more than one Authorization header")
	}
	if values[0] == "" { // no credentials that could be wrong, such as a variable that a script forgot to set
		return invalidRequest("the Authorization header is empty")
	}
	req.grant = GrantBasic
	username, password, ok := r.BasicAuth()
	if !ok {
		return unauthorized(messageUnreadable, nil)
	}
	req.username, req.password = username, authn.Secret(password)
	return nil
}

// wellFormed reports whether a user name and a password may be shown to an authenticator. It spares each of them from empty
// passwords (an LDAP bind with one succeeds), from characters that other systems cut, fold, replace or split at, and from giants.
func wellFormed(username string, password authn.Secret) bool {
	return wellFormedUsername(username) && wellFormedPassword(string(password))
}

func wellFormedUsername(name string) bool {
	return name != "" && len(name) <= maxUsernameBytes && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == ':' || unicode.IsControl(r) })
}

func wellFormedPassword(password string) bool {
	return password != "" && len(password) <= maxPasswordBytes && utf8.ValidString(password) && !strings.ContainsRune(password, 0)
}
