package token

import (
	"errors"
	"fmt"
)

var (
	// ErrInvalid means that a [Verifier] does not accept a token; the text says why. Answer it
	// with status 401 and a new challenge.
	ErrInvalid = errors.New("invalid token")
	// ErrUnknownKey wraps ErrInvalid and means that a Verifier does not have the key of a token. If
	// it has a copy of another issuer's keys, fetch them again, but not for each such token.
	ErrUnknownKey = fmt.Errorf("%w: unknown key", ErrInvalid)
	// ErrCredentialsExpired means that [Request].ValidUntil has passed, so that there is no token.
	// Answer it with status 401.
	ErrCredentialsExpired = errors.New("the credentials have expired")
	// ErrKey means that a key or a certificate cannot be used, or is not in the set; the text says
	// why.
	ErrKey = errors.New("unusable key")
)

// The reasons.
var (
	errMalformed   = fmt.Errorf("%w: malformed", ErrInvalid)
	errSignature   = fmt.Errorf("%w: wrong signature", ErrInvalid)
	errIssuer      = fmt.Errorf("%w: wrong issuer", ErrInvalid)
	errAudience    = fmt.Errorf("%w: wrong audience", ErrInvalid)
	errExpired     = fmt.Errorf("%w: expired", ErrInvalid)
	errNotYetValid = fmt.Errorf("%w: not yet valid", ErrInvalid)

	errUnsupportedKey = fmt.Errorf("%w: unsupported", ErrKey)
	errKeyMismatch    = fmt.Errorf("%w: mismatch", ErrKey)
	errBadCertificate = fmt.Errorf("%w: bad certificate", ErrKey)
	errEncryptedKey   = fmt.Errorf("%w: encrypted", ErrKey)
	errPublicOnly     = fmt.Errorf("%w: no private key", ErrKey)
	errBadSigner      = fmt.Errorf("%w: bad signer", ErrKey)
	errPEM            = fmt.Errorf("%w: bad PEM", ErrKey)
	errNotInSet       = fmt.Errorf("%w: not in the set", ErrKey)
	errKeyInUse       = fmt.Errorf("%w: in use", ErrKey)
)
