package authntest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/berthpass/registry-auth/authn"
)

// An outcome is what an error means.
type outcome string

const (
	success  outcome = "success"
	noMatch  outcome = "ErrNoMatch"
	rejected outcome = "ErrRejected"
	both     outcome = "both ErrNoMatch and ErrRejected"
	noLookup outcome = "ErrNoLookup"
	outage   outcome = "an outage"
)

// classify also returns the consequence of an error where it is not expected.
func classify(err error) (o outcome, consequence string) {
	isNoMatch, isRejected := errors.Is(err, authn.ErrNoMatch), errors.Is(err, authn.ErrRejected)
	switch {
	case err == nil:
		return success, "it lets in what must stay out"
	case isNoMatch && isRejected:
		return both, "callers test for either of them first"
	case isNoMatch:
		return noMatch, "a Chain asks its next member, and in the end the client gets a 401"
	case isRejected:
		return rejected, "a Chain does not ask its next member, and the client gets a 401"
	case errors.Is(err, authn.ErrNoLookup):
		return noLookup, "no cache remembers the login, and it gets no refresh token; " +
			"add a Stamp and a method Lookup or Confirm, or set Login.Unconfirmable"
	}
	return outage, "the client gets a 503 and sends the same again"
}

// A run collects failures. It is safe for concurrent use.
type run struct {
	source authn.Authenticator

	mu       sync.Mutex
	failures []string
}

func (r *run) failf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if failure := fmt.Sprintf(format, args...); !slices.Contains(r.failures, failure) {
		r.failures = append(r.failures, failure)
	}
}

// check returns a subject that the error fits to, or the zero one.
func (r *run) check(label string, s authn.Subject, err error, want ...outcome) authn.Subject {
	switch got, consequence := classify(err); {
	case !slices.Contains(want, got):
		wanted := strings.Trim(strings.ReplaceAll(fmt.Sprintf("%q", want), `" "`, " or "), `["]`)
		r.failf("%s returns %s, want %s: %s (error: %v)", label, got, wanted, consequence, err)
	case err == nil && s.Anonymous():
		r.failf("%s returns a subject without a name: the server takes it for an outage", label)
	case err != nil && (s.Data != nil || !s.Equal(authn.Subject{})):
		r.failf("%s returns a subject with an error: callers that miss the error let it in", label)
	default:
		return s
	}
	return authn.Subject{}
}

func (r *run) authenticate(
	ctx context.Context, label string, request authn.Request, want ...outcome,
) authn.Subject {
	subject, err := r.source.Authenticate(ctx, request)
	password := string(request.Password)
	if err != nil && len(password) > 12 && strings.Contains(err.Error(), password) {
		r.failf("%s: the error has the password, and logs have the error", label)
	}
	return r.check(label+": Authenticate", subject, err, want...)
}

// confirm confirms what a refresh token stores of the subject.
func (r *run) confirm(ctx context.Context, p proof, want ...outcome) authn.Subject {
	stored := authn.Subject{
		Name: p.proved.Name, Kind: p.proved.Kind, Stamp: p.proved.Stamp, Limit: p.proved.Limit,
	}
	subject, err := authn.Confirm(ctx, r.source, stored)
	return r.check(p.label+": Confirm", subject, err, want...)
}

// equal compares subjects, unless one is zero because of a failure, and Data if it is wanted.
func (r *run) equal(label string, got, want authn.Subject, consequence string) {
	if got.Anonymous() || want.Anonymous() {
		return
	}
	if want.Data == nil {
		got.Data = nil
	}
	if got.Equal(want) && reflect.DeepEqual(got.Data, want.Data) {
		return
	}
	show := func(s authn.Subject) string {
		text, _ := json.Marshal(s) //nolint:errchkjson // an unknown Kind
		return fmt.Sprintf("%s, Stamp %q, ValidUntil %v, Data %+v", text, s.Stamp, s.ValidUntil,
			s.Data)
	}
	r.failf("%s returns another subject: %s\n\tgot  %s\n\twant %s",
		label, consequence, show(got), show(want))
}
