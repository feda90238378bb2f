package authntest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

func faults() map[string]faultTest {
	all := credentialFaults()
	for _, more := range []map[string]faultTest{subjectFaults(), confirmFaults(), outageFaults()} {
		maps.Copy(all, more)
	}
	return all
}

func credentialFaults() map[string]faultTest {
	alice := authn.Subject{Name: "alice", Stamp: "1"}
	anonymous := func(_ context.Context, r authn.Request, _ error) bool {
		return r == authn.Request{}
	}
	other := func(_ context.Context, r authn.Request, _ error) bool { return r.Other != nil }
	wrong := func(_ context.Context, r authn.Request, err error) bool {
		return errors.Is(err, authn.ErrRejected) && r.Password != ""
	}
	empty := func(_ context.Context, r authn.Request, _ error) bool {
		return r.Username != "" && r.Password == ""
	}
	random := func(_ context.Context, r authn.Request, _ error) bool { return len(r.Password) == 26 }
	unknown := func(_ context.Context, r authn.Request, err error) bool {
		return errors.Is(err, authn.ErrNoMatch) && r.Username != ""
	}
	old := func(_ context.Context, r authn.Request, err error) bool {
		return errors.Is(err, authn.ErrRejected) && r.Password == "wonderland"
	}
	failed := func(_ context.Context, _ authn.Request, err error) bool { return err != nil }
	joined := errors.Join(authn.ErrNoMatch, authn.ErrRejected)
	return map[string]faultTest{
		"no credentials are rejected": {
			instead(anonymous, authn.Subject{}, authn.ErrRejected),
			"no credentials (for anonymous access): Authenticate returns ErrRejected, want ErrNoMatch",
		},
		"other credentials are rejected": {
			instead(other, authn.Subject{}, authn.ErrRejected),
			"credentials of another kind: Authenticate returns ErrRejected, want ErrNoMatch",
		},
		"a wrong password is right": {
			instead(wrong, alice, nil),
			"Wrong[0]: Authenticate returns success, want ErrRejected: it lets in",
		},
		"a wrong password is no match": {
			instead(wrong, authn.Subject{}, authn.ErrNoMatch),
			"Wrong[0]: Authenticate returns ErrNoMatch, want ErrRejected: a Chain asks its next",
		},
		"a wrong password is an outage": {
			instead(wrong, authn.Subject{}, errDown),
			"Wrong[0]: Authenticate returns an outage, want ErrRejected: the client gets a 503",
		},
		"a wrong password is both errors": {
			instead(wrong, authn.Subject{}, joined),
			"Wrong[0]: Authenticate returns both ErrNoMatch and ErrRejected, want ErrRejected",
		},
		"an unknown user is rejected": {
			instead(unknown, authn.Subject{}, authn.ErrRejected),
			"Unknown[0]: Authenticate returns ErrRejected, want ErrNoMatch: a Chain does not ask",
		},
		"an unknown user gets in": {
			instead(unknown, alice, nil), "Unknown[0]: Authenticate returns success, want ErrNoMatch",
		},
		"an empty password is right": {
			instead(empty, alice, nil),
			"the user name of Logins[0] without a password: Authenticate returns success",
		},
		"any long password is right": {
			instead(random, alice, nil),
			"the user name of Logins[0] with a random password: Authenticate returns success",
		},
		"the old password stays right": {
			instead(old, alice, nil),
			"the old credentials after Change: Authenticate returns success, want ErrRejected",
		},
		"an error has the password": {
			fault{login: func(
				_ context.Context, r authn.Request, s authn.Subject, err error,
			) (authn.Subject, error) {
				if err != nil {
					err = fmt.Errorf("%w: %s is wrong", err, string(r.Password))
				}
				return s, err
			}},
			"with a random password: the error has the password",
		},
		"an error comes with a subject": {
			instead(failed, authn.Subject{Name: "alice"}, authn.ErrRejected),
			"Wrong[0]: Authenticate returns a subject with an error",
		},
		"an error comes with data": {
			instead(failed, authn.Subject{Data: 1}, authn.ErrRejected),
			"Wrong[0]: Authenticate returns a subject with an error",
		},
	}
}

func subjectFaults() map[string]faultTest {
	var calls atomic.Int32
	return map[string]faultTest{
		"a right login is rejected": {
			onLogin(func(_ authn.Request, s *authn.Subject) error {
				*s = authn.Subject{}
				return authn.ErrRejected
			}),
			"Logins[0]: Authenticate returns ErrRejected, want success",
		},
		"success without a name": {
			onLogin(func(_ authn.Request, s *authn.Subject) error {
				*s = authn.Subject{}
				return nil
			}),
			"Logins[0]: Authenticate returns a subject without a name",
		},
		"the name is as typed": {
			onLogin(func(r authn.Request, s *authn.Subject) error {
				s.Name = r.Username
				return nil
			}),
			`Logins[0]: Authenticate returns another subject: it is not what the suite expects
	got  {"name":"Alice","kind":"user","labels":{"group":["devs"]}}, Stamp "1"`,
		},
		"another kind": {
			onLogin(func(_ authn.Request, s *authn.Subject) error {
				s.Kind = authn.KindUser
				return nil
			}),
			"Logins[2]: Authenticate returns another subject",
		},
		"the limit is lost": {
			onLogin(func(_ authn.Request, s *authn.Subject) error {
				s.Limit = nil
				return nil
			}),
			"Logins[1]: Authenticate returns another subject",
		},
		"the end is lost": {
			onLogin(func(_ authn.Request, s *authn.Subject) error {
				s.ValidUntil = time.Time{}
				return nil
			}),
			"Logins[1]: Authenticate returns another subject",
		},
		"an end that nobody expects": {
			onLogin(func(_ authn.Request, s *authn.Subject) error {
				s.ValidUntil = time.Now().Add(time.Hour)
				return nil
			}),
			"Logins[0]: Authenticate returns another subject",
		},
		"other data": {
			onLogin(func(_ authn.Request, s *authn.Subject) error {
				s.Data = nil
				return nil
			}),
			"Logins[1]: Authenticate returns another subject",
		},
		"no stamp": {
			onLogin(func(_ authn.Request, s *authn.Subject) error {
				s.Stamp = ""
				return nil
			}),
			"Logins[0]: Confirm returns ErrNoLookup, want success: no cache remembers the login",
		},
		"concurrent logins are mixed up": {
			onLogin(func(_ authn.Request, s *authn.Subject) error {
				if calls.Add(1) > 1 {
					s.Labels = map[string][]string{"group": {"admins"}}
				}
				return nil
			}),
			"Logins[0], several at once: Authenticate returns another subject",
		},
	}
}

func confirmFaults() map[string]faultTest {
	fixed := func(stamp string) fault { // each credential has this stamp
		f := onLogin(func(_ authn.Request, s *authn.Subject) error { s.Stamp = stamp; return nil })
		f.confirm = func(remembered, _ authn.Subject, _ error) (authn.Subject, error) {
			s := newBook().entries["wonderland"]
			s.Name, s.Kind = remembered.Name, remembered.Kind
			s.Stamp, s.Limit = remembered.Stamp, remembered.Limit
			return s, nil
		}
		return f
	}
	return map[string]faultTest{
		"the stamp stays when the password changes": {
			fixed("1"), "the old credentials after Change: Confirm returns success, want ErrRejected",
		},
		"all credentials have one stamp": {
			fixed("1"), "Logins[1] has the Stamp of Logins[0]",
		},
		"the stamp is any": {
			fault{confirm: func(remembered, s authn.Subject, err error) (authn.Subject, error) {
				if errors.Is(err, authn.ErrNoMatch) {
					return newBook().find(context.Background(), func(s authn.Subject) bool {
						return s.Stamp == remembered.Stamp
					})
				}
				return s, err
			}},
			"the old credentials after Change: Confirm returns success",
		},
		"a look-up forgets that a user is disabled": {
			fault{lookup: func(name string, s authn.Subject, err error) (authn.Subject, error) {
				if name == "alice" && errors.Is(err, authn.ErrNoMatch) {
					return newBook().entries["wonderland"], nil
				}
				return s, err
			}},
			"the first user, after Disable: Lookup returns success, want ErrRejected",
		},
		"a confirmation forgets that a user is disabled": {
			fault{confirm: func(remembered, s authn.Subject, err error) (authn.Subject, error) {
				if remembered.Stamp == "2" && errors.Is(err, authn.ErrNoMatch) {
					return newBook().entries["alice-token"], nil
				}
				return s, err
			}},
			"Logins[1], after Disable: Confirm returns success, want ErrRejected",
		},
		"new credentials are not confirmed": {
			fault{confirm: func(remembered, s authn.Subject, err error) (authn.Subject, error) {
				if remembered.Stamp == "4" {
					return authn.Subject{}, authn.ErrRejected
				}
				return s, err
			}},
			"the new credentials after Change: Confirm returns ErrRejected, want success",
		},
		"confirming loses labels": {
			fault{confirm: func(_, s authn.Subject, err error) (authn.Subject, error) {
				s.Labels = nil
				return s, err
			}},
			"Logins[0]: Confirm returns another subject: a refresh token has other rights",
		},
		"confirming widens the limit": {
			fault{confirm: func(_, s authn.Subject, err error) (authn.Subject, error) {
				if s.Limit != nil {
					limit := *s.Limit
					limit.Scopes = append(limit.Scopes, limit.Scopes[0])
					s.Limit = &limit
				}
				return s, err
			}},
			"Logins[1]: Confirm returns another subject",
		},
		"confirming says that it is an outage when the credentials are gone": {
			fault{confirm: func(_, s authn.Subject, err error) (authn.Subject, error) {
				if errors.Is(err, authn.ErrNoMatch) {
					err = errDown
				}
				return s, err
			}},
			"the old credentials after Change: Confirm returns an outage",
		},
		"confirming rejects what other sources proved": {
			fault{confirm: func(_, s authn.Subject, err error) (authn.Subject, error) {
				if errors.Is(err, authn.ErrNoMatch) {
					err = authn.ErrRejected
				}
				return s, err
			}},
			"a subject of another source: Confirm returns ErrRejected, want ErrNoMatch or ErrNoLookup",
		},
		"confirming ignores the stamp": {
			fault{confirm: func(authn.Subject, authn.Subject, error) (authn.Subject, error) {
				return authn.Subject{Name: "alice", Stamp: "1"}, nil
			}},
			"a subject of another source: Confirm returns ErrRejected",
		},
		"confirming returns more rights as data": {
			fault{confirm: func(_, s authn.Subject, err error) (authn.Subject, error) {
				if s.Data != nil {
					s.Data = []string{"read", "write"}
				}
				return s, err
			}},
			"Logins[1]: Confirm returns another subject: a refresh token has other rights",
		},
		"confirming loses the end": {
			fault{confirm: func(_, s authn.Subject, err error) (authn.Subject, error) {
				s.ValidUntil = time.Time{}
				return s, err
			}},
			"Logins[1]: Confirm returns another subject",
		},
		"a look-up knows only the canonical name": {
			fault{lookup: func(name string, s authn.Subject, err error) (authn.Subject, error) {
				if strings.ToLower(name) != name {
					return authn.Subject{}, authn.ErrNoMatch
				}
				return s, err
			}},
			"Logins[0], by the typed name: Lookup returns ErrNoMatch, want success or ErrNoLookup",
		},
		"a look-up returns the name as it is given": {
			fault{lookup: func(name string, s authn.Subject, err error) (authn.Subject, error) {
				if err == nil {
					s.Name = name
				}
				return s, err
			}},
			"Logins[0], by the typed name: Lookup returns another subject",
		},
		"a look-up has names of its own": {
			fault{lookup: func(_ string, s authn.Subject, err error) (authn.Subject, error) {
				if err == nil {
					s.Name = "user " + s.Name
				}
				return s, err
			}},
			`Lookup returns the name "user alice" for "alice"`,
		},
		"a look-up knows everybody": {
			fault{lookup: func(name string, _ authn.Subject, _ error) (authn.Subject, error) {
				return authn.Subject{Name: name}, nil
			}},
			"a name that nobody has: Lookup returns success, want ErrNoMatch or ErrNoLookup",
		},
	}
}

func outageFaults() map[string]faultTest {
	done := func(ctx context.Context, _ authn.Request, _ error) bool { return ctx.Err() != nil }
	return map[string]faultTest{
		"a done context is a rejection": {
			instead(done, authn.Subject{}, authn.ErrRejected),
			"with a context that is done: Authenticate returns ErrRejected, want success or an outage",
		},
		"a done context changes nothing": {
			instead(func(ctx context.Context, _ authn.Request, _ error) bool {
				if ctx.Err() != nil {
					time.Sleep(time.Minute)
				}
				return false
			}, authn.Subject{}, nil),
			"Logins[0], with a context that is done: takes 1m0s",
		},
		"an outage is a rejection": {
			fault{whenDown: authn.ErrRejected},
			"after Break: Authenticate returns ErrRejected, want an outage",
		},
		"an outage wraps no match": {
			fault{whenDown: errors.Join(errDown, authn.ErrNoMatch)},
			"after Break: Authenticate returns ErrNoMatch, want an outage",
		},
		"anonymous requests ask a back end that is down": {
			fault{whenDown: errDown},
			"no credentials, after Break: Authenticate returns an outage, want ErrNoMatch",
		},
		"an outage confirms": {
			fault{confirm: func(remembered, s authn.Subject, err error) (authn.Subject, error) {
				if errors.Is(err, errDown) {
					return remembered, nil
				}
				return s, err
			}},
			"after Break: Confirm returns success, want an outage or ErrNoLookup",
		},
		"an outage lets in with any password": {
			instead(func(_ context.Context, r authn.Request, err error) bool {
				return errors.Is(err, errDown) && r.Password == "looking-glass"
			}, authn.Subject{Name: "alice"}, nil),
			"Wrong[0], after Break: Authenticate returns success",
		},
	}
}
