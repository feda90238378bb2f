package authn

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/internal/secret"
)

// Tokens returns a source of API keys, personal tokens, sessions and other secrets of at least 128
// random bits. It is also a [Confirmer], and an [AccountFinder] whose accounts are the IDs. Tokens
// panics if a function is nil.
//
// split returns the ID and the secret in the credentials, or not ok for credentials of another
// kind. It makes no look-up. The ID is not secret: the Stamp and errors contain it. For a secret
// without an ID, such as a session, it is [HashToken] of the secret. The token alone proves who it
// is. To ask for its owner's name too, return r.Username + ":" + id, and compare it in find.
//
// find returns the subject with that ID and the HashToken of its secret. The ID is as the client
// sent it, or of another Tokens in a [Chain]. Errors are returned to the caller unchanged:
//
//   - [ErrNoMatch], or an error that wraps it: no such ID. The Chain asks its next member, since a
//     password can look like a token.
//   - [ErrRejected]: the token or its owner is disabled
//   - any other error: an outage
//
// A wrong secret is rejected, and so is a token whose ValidUntil has passed. Tokens derives the
// Stamp from ID, hash and the Stamp that find returns, if any. find must be safe for concurrent
// use, return when ctx is done, and be fast: each request calls it, with a [Cache] too.
//
// Use it only for credentials that are found by an ID of their own. With a user name as the ID, the
// time of an answer tells who exists; service accounts with names belong in password.Source.
func Tokens(
	split func(r Request) (id string, secret Secret, ok bool),
	find func(ctx context.Context, id string) (Subject, string, error),
) Authenticator {
	if split == nil || find == nil {
		panic("authn.Tokens: a function is nil")
	}
	return tokens{split, find}
}

// HashToken returns the SHA-256 of a random secret in lower-case hexadecimal. Nobody who
// reads a table of these hashes can log in with them. A password needs a slow hash; see package
// password.
func HashToken(secret Secret) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

type tokens struct {
	split func(r Request) (id string, secret Secret, ok bool)
	find  func(ctx context.Context, id string) (Subject, string, error)
}

func (t tokens) Authenticate(ctx context.Context, r Request) (Subject, error) {
	id, secret, ok := t.split(r)
	if !ok || id == "" || secret == "" {
		return Subject{}, ErrNoMatch
	}
	subject, hash, err := t.lookup(ctx, id)
	if err != nil {
		return Subject{}, err
	}
	if subtle.ConstantTimeCompare([]byte(HashToken(secret)), []byte(hash)) == 0 {
		return Subject{}, fmt.Errorf("%w: wrong secret for the token %+q", ErrRejected, id)
	}
	return subject, nil
}

// Confirm returns no ErrRejected: the ID may be that of another source's token too, which a Chain
// asks next.
func (t tokens) Confirm(ctx context.Context, remembered Subject) (Subject, error) {
	digest, id, ok := strings.Cut(remembered.Stamp, ":")
	if !ok || !strings.HasPrefix(digest, tokenStamp) {
		return Subject{}, ErrNoMatch
	}
	subject, _, err := t.lookup(ctx, id)
	if errors.Is(err, ErrRejected) || err == nil && subject.Stamp != remembered.Stamp {
		err = fmt.Errorf("%w: the token %+q has changed or ended", ErrNoMatch, id)
	}
	if err != nil {
		return Subject{}, err
	}
	return subject, nil
}

func (t tokens) Account(_ context.Context, r Request) string {
	if id, _, ok := t.split(r); ok {
		return id
	}
	return ""
}

// tokenStamp is the beginning of the stamps. No other source of this module has one with a space.
const tokenStamp = "registry-auth token 1 "

// lookup returns a subject that may log in, with its stamp, and the hash of its secret.
func (t tokens) lookup(ctx context.Context, id string) (Subject, string, error) {
	subject, hash, err := t.find(ctx, id)
	switch until := subject.ValidUntil; {
	case err != nil:
	case subject.Anonymous():
		err = fmt.Errorf("the subject of the token %+q has no name", id)
	case !until.IsZero() && !time.Now().Before(until):
		err = fmt.Errorf("%w: the token %+q has expired", ErrRejected, id)
	}
	if err != nil {
		return Subject{}, "", err
	}
	subject.Stamp = tokenStamp + secret.Stamp(tokenStamp, id, hash, subject.Stamp) + ":" + id
	return subject, hash, nil
}
