package password

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// A row is what a test's table has for a name.
type row struct {
	subject authn.Subject
	hash    authn.Secret
	err     error
}

// source returns a source whose checks do not wait for each other.
func source(rows map[string]row, decoy Hash) *Users {
	find := func(_ context.Context, name string) (authn.Subject, authn.Secret, error) {
		found, known := rows[name]
		if !known {
			return authn.Subject{}, "", authn.ErrNoMatch
		}
		return found.subject, found.hash, found.err
	}
	return Source(find, SourceConfig{Checker: &Checker{Concurrency: 100}, Decoy: decoy})
}

func alice() authn.Subject { return authn.Subject{Name: "alice"} }

func TestSourceAuthenticates(t *testing.T) {
	broken := errors.New("the database is down")
	past := authn.Subject{Name: "carol", ValidUntil: time.Now()}
	users := source(map[string]row{
		"alice":    {alice(), bcryptWonderland, nil},
		"ALICE":    {alice(), bcryptWonderland, nil},
		"disabled": {authn.Subject{}, "", authn.ErrRejected},
		"both":     {alice(), bcryptWonderland, authn.ErrRejected},
		"none":     {authn.Subject{Name: "none"}, "", nil},
		"past":     {past, bcryptWonderland, nil},
		"down":     {authn.Subject{}, "", broken},
		"clear":    {authn.Subject{Name: "clear"}, "wonderland", nil},
	}, parse(t, bcrypt5))
	overlong := authn.Secret(strings.Repeat("a", maxLength+1))
	for name, test := range map[string]struct {
		username string
		password authn.Secret
		want     error
		compared uint64
	}{
		"the right password":          {"alice", "wonderland", nil, 1},
		"the name in another case":    {"ALICE", "wonderland", nil, 1},
		"a wrong password":            {"alice", "looking-glass", authn.ErrRejected, 1},
		"an unknown user":             {"bob", "wonderland", authn.ErrNoMatch, 1},
		"a disabled user":             {"disabled", "wonderland", authn.ErrRejected, 1},
		"a disabled user with a hash": {"both", "wonderland", authn.ErrRejected, 1},
		"a user without a password":   {"none", "wonderland", authn.ErrRejected, 1},
		"a password that has expired": {"past", "wonderland", authn.ErrRejected, 1},
		"an outage":                   {"down", "wonderland", broken, 0},
		"a password in the clear":     {"clear", "wonderland", ErrHash, 1},
		"no user name":                {"", "wonderland", authn.ErrNoMatch, 0},
		"no password":                 {"alice", "", authn.ErrNoMatch, 0},
		"an overlong password":        {"alice", overlong, authn.ErrRejected, 0},
		"an overlong one, unknown":    {"bob", overlong, authn.ErrNoMatch, 0},
		"too long for bcrypt":         {"alice", overlong[:73], authn.ErrRejected, 1},
		"too long for it, unknown":    {"bob", overlong[:73], authn.ErrNoMatch, 1},
	} {
		t.Run(name, func(t *testing.T) {
			before := users.checker.Stats().Compared
			got, err := users.Authenticate(t.Context(),
				authn.Request{Username: test.username, Password: test.password})
			if !errors.Is(err, test.want) ||
				refused(err) != (test.want != nil && !errors.Is(test.want, broken)) {
				t.Errorf("error is %v, want %v", err, test.want)
			}
			if known := got.Name == "alice" && got.Stamp != ""; known != (test.want == nil) {
				t.Errorf("subject is %+v", got)
			}
			if compared := users.checker.Stats().Compared - before; compared != test.compared {
				t.Errorf("made %d checks, want %d", compared, test.compared)
			}
			if err != nil && strings.Contains(err.Error(), "wonderland") {
				t.Errorf("the error has the hash: %v", err)
			}
		})
	}
}

func refused(err error) bool {
	return errors.Is(err, authn.ErrNoMatch) || errors.Is(err, authn.ErrRejected)
}

// Databases fold, replace, truncate or split such names.
func TestSourceIsNotAskedForMalformedNames(t *testing.T) {
	users := Source(func(_ context.Context, name string) (authn.Subject, authn.Secret, error) {
		t.Errorf("asked for %q", name)
		return alice(), bcryptWonderland, nil
	}, SourceConfig{})
	for _, name := range []string{
		"", strings.Repeat("a", 256), "al\x00ice", "al\xffice", "al:ice", "a\u0085", "alice ",
	} {
		r := authn.Request{Username: name, Password: "wonderland"}
		_, login := users.Authenticate(t.Context(), r)
		_, lookup := users.Lookup(t.Context(), name)
		if !errors.Is(login, authn.ErrNoMatch) || !errors.Is(lookup, authn.ErrNoMatch) {
			t.Errorf("%q: login %v, look-up %v", name, login, lookup)
		}
	}
	r := authn.Request{Username: "alice", Password: "wonderland", Other: "a session"}
	if _, err := users.Authenticate(t.Context(), r); !errors.Is(err, authn.ErrNoMatch) {
		t.Errorf("with other credentials: %v", err)
	}
}

// The time of a check must not tell which users exist.
func TestUnknownUsersCostACheckWithTheParametersOfTheTable(t *testing.T) {
	rows := map[string]row{
		"five":     {alice(), bcrypt5, nil},
		"six":      {alice(), withCost("$06$"), nil},
		"argon":    {alice(), argon19M, nil},
		"disabled": {authn.Subject{}, bcrypt10, authn.ErrRejected},
		"none":     {alice(), "", nil},
	}
	for name, test := range map[string]struct {
		decoy  Hash
		logins string
		want   string
	}{
		"before the first hash":          {Hash{}, "", "bcrypt cost 10"},
		"after one hash":                 {Hash{}, "five", "bcrypt cost 5"},
		"after unknown users":            {Hash{}, "five bob disabled none", "bcrypt cost 5"},
		"after a costlier hash":          {Hash{}, "five six", "bcrypt cost 6"},
		"after a cheaper hash":           {Hash{}, "six five", "bcrypt cost 6"},
		"after another algorithm":        {Hash{}, "five argon six", "argon2id m=19456,t=2,p=1"},
		"a configured cost":              {parse(t, bcrypt5), "", "bcrypt cost 5"},
		"a configured cost, from Decoy":  {Decoy(parse(t, bcrypt5)), "", "bcrypt cost 5"},
		"less than a configured cost":    {Decoy(), "five", "argon2id m=19456,t=2,p=1"},
		"more than the configured cost":  {parse(t, bcrypt5), "six", "bcrypt cost 6"},
		"as much as the configured cost": {parse(t, withCost("$06$")), "six", "bcrypt cost 6"},
	} {
		t.Run(name, func(t *testing.T) {
			users := source(rows, test.decoy)
			login := func(name string) (compared uint64) {
				before := users.checker.Stats().Compared
				_, _ = users.Authenticate(t.Context(), authn.Request{Username: name, Password: "a"})
				return users.checker.Stats().Compared - before
			}
			for user := range strings.FieldsSeq(test.logins) {
				login(user)
			}
			for _, unknown := range []string{"bob", "disabled", "none"} {
				_, hash, err := users.account(t.Context(), unknown)
				if got := hash.Parameters(); got != test.want || err == nil {
					t.Errorf("%s costs %s, want %s, %v", unknown, got, test.want, err)
				}
				if compared := login(unknown); compared != 1 {
					t.Errorf("%s costs %d checks", unknown, compared)
				}
			}
		})
	}
}

// Otherwise the cool-down after a wrong password would be missing for the password of that hash.
func TestNoPasswordMatchesAConfiguredDecoy(t *testing.T) {
	users := source(nil, parse(t, bcryptWonderland))
	_, hash, err := users.account(t.Context(), "bob")
	if check(t, hash, "wonderland") || !errors.Is(err, authn.ErrNoMatch) {
		t.Errorf("the password matches, or %v", err)
	}
}

func TestStampOfASource(t *testing.T) {
	stamp := func(subject authn.Subject, hash authn.Secret) string {
		users := source(map[string]row{"typed": {subject, hash, nil}}, Hash{})
		found, err := users.Lookup(t.Context(), "typed")
		if err != nil || found.Stamp == "" || found.Stamp == subject.Stamp {
			t.Fatalf("the stamp is %q, %v", found.Stamp, err)
		}
		return found.Stamp
	}
	want := stamp(alice(), bcrypt5)
	labeled := authn.Subject{Name: "alice", Labels: map[string][]string{"group": {"devs"}}}
	if got := stamp(labeled, bcrypt5); got != want {
		t.Error("labels change the stamp")
	}
	if stamp(alice(), bcrypt10) == want {
		t.Error("a new hash does not change the stamp")
	}
	if stamp(authn.Subject{Name: "bob"}, bcrypt5) == want {
		t.Error("two users have the same stamp")
	}
	if stamp(authn.Subject{Name: "alice", Stamp: "2"}, bcrypt5) == want {
		t.Error("a stamp of the function does not change the stamp")
	}
}

func TestAPasswordEndsAtValidUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := authn.Subject{Name: "alice", ValidUntil: time.Now().Add(time.Hour)}
		users := source(map[string]row{"alice": {until, bcrypt5, nil}}, Hash{})
		time.Sleep(time.Hour - time.Nanosecond)
		if _, err := users.Lookup(t.Context(), "alice"); err != nil {
			t.Errorf("before: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := users.Lookup(t.Context(), "alice"); !errors.Is(err, authn.ErrRejected) {
			t.Errorf("at the end: %v", err)
		}
	})
}

func TestASubjectWithoutANameIsAnOutage(t *testing.T) {
	users := source(map[string]row{"alice": {authn.Subject{}, bcryptWonderland, nil}}, Hash{})
	r := authn.Request{Username: "alice", Password: "wonderland"}
	_, login := users.Authenticate(t.Context(), r)
	_, lookup := users.Lookup(t.Context(), "alice")
	for _, err := range []error{login, lookup} {
		if err == nil || refused(err) {
			t.Errorf("error is %v", err)
		}
	}
}

func TestABusySourceDoesNotReject(t *testing.T) {
	users := source(map[string]row{"alice": {alice(), bcrypt5, nil}}, Hash{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nobody waits for the result, so no check is started
	for _, name := range []string{"alice", "bob"} {
		_, err := users.Authenticate(ctx, authn.Request{Username: name, Password: "a"})
		if !errors.Is(err, ErrBusy) || refused(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSourceNeedsAFunction(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	Source(nil, SourceConfig{})
}
