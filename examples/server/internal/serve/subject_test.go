package serve

import (
	"context"
	"errors"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/server/internal/section"
	"github.com/berthpass/registry-auth/scope"
)

// directory is a source of users that are looked up.
type directory map[string]error

func (d directory) Authenticate(_ context.Context, r authn.Request) (authn.Subject, error) {
	return d.Lookup(context.Background(), r.Username)
}

func (d directory) Lookup(_ context.Context, name string) (authn.Subject, error) {
	err, known := d[name]
	switch {
	case !known:
		return authn.Subject{}, authn.ErrNoMatch
	case err != nil:
		return authn.Subject{}, err
	}
	return authn.Subject{Name: name, Labels: map[string][]string{"group": {"of " + name}}}, nil
}

// TestSubjectOfAnySection: explain and tests know the labels of every source that can look a name
// up, in the order in which they are asked, and not of users alone.
func TestSubjectOfAnySection(t *testing.T) {
	outage := errors.New("outage")
	login := authn.Passwords(
		func(context.Context, string, authn.Secret) (authn.Subject, error) {
			return authn.Subject{}, authn.ErrNoMatch
		})
	first := section.Part{Authenticator: directory{"alice": nil, "bob": authn.ErrRejected}}
	second := section.Part{Authenticator: directory{"bob": nil, "carol": nil, "dave": outage}}
	granted := section.Part{Authorizer: authz.Func(
		func(_ context.Context, r authz.Request) (authz.Decision, error) {
			return authz.Decision{Actions: r.Subject.Labels["group"]}, nil
		})}
	assembly := func(parts ...section.Part) *Assembly {
		return assemble(&section.Config{
			Parts: append(parts, granted), Server: &section.Server{}, Users: &section.Users{},
		})
	}
	both, withLogin := assembly(
		first,
		second,
	), assembly(
		first,
		second,
		section.Part{Authenticator: login},
	)
	for name, want := range map[string]error{
		"alice": nil, "bob": authn.ErrRejected, "carol": nil, "dave": outage,
		"erin": authn.ErrNoMatch, "": authn.ErrRejected,
	} {
		subject, err := both.Policy.Subject(t.Context(), name)
		if !errors.Is(err, want) || err == nil && subject.Labels["group"][0] != "of "+name {
			t.Errorf("%q is %+v, %v, want %v", name, subject, err, want)
		}
	}
	if _, err := withLogin.Policy.Subject(t.Context(), "erin"); !errors.Is(err, authn.ErrNoLookup) {
		t.Errorf("a name that only a login tells: error is %v", err)
	}
	cases := []section.Case{{
		Account: "carol", Granted: []string{"of carol"},
		Scope: scope.Scope{Type: "repository", Name: "a", Actions: []string{"of carol"}},
	}}
	report, err := section.RunCases(t.Context(), both.Policy, cases)
	if err != nil || len(report.Failures) > 0 {
		t.Errorf("the case fails: %v, %v", report.Failures, err)
	}
	cases[0].Account = "dave"
	if _, err := section.RunCases(t.Context(), both.Policy, cases); !errors.Is(err, outage) {
		t.Errorf("error is %v", err)
	}
}

// TestGenerationsEndWithTheirLastRequest: what they hold is open until then.
func TestGenerationsEndWithTheirLastRequest(t *testing.T) {
	f := newFixture(t, base)
	opened := &closer{}
	before := f.use()
	_, err := section.Hold(before.site, "test", func() (*closer, error) { return opened, nil })
	if err != nil {
		t.Fatal(err)
	}
	f.mustReload(base + moreRules)
	if now := f.use(); now == before || opened.closed {
		t.Errorf("the same generation: %t, closed: %t", now == before, opened.closed)
	}
	before.release()
	if !opened.closed {
		t.Error("still open after the last request")
	}
}

type closer struct{ closed bool }

func (c *closer) Close() error {
	c.closed = true
	return nil
}
