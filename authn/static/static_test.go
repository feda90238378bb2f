package static_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/authntest"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
)

func hash(tb testing.TB, plain string) authn.Secret {
	tb.Helper()
	encoded, err := bcrypt.GenerateFromPassword([]byte(plain), 5)
	if err != nil {
		tb.Fatal(err)
	}
	return authn.Secret(encoded)
}

// newUsers makes a list that logs nothing, and returns its checker for the counters.
func newUsers(t *testing.T, users ...static.User) (*password.Users, *password.Checker) {
	t.Helper()
	checker := &password.Checker{}
	list, err := static.New(static.Config{
		Users: users, Checker: checker, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, checker
}

func TestAuthenticate(t *testing.T) {
	labels := map[string][]string{"group": {"devs"}}
	users, checker := newUsers(t,
		static.User{Name: "alice", PasswordHash: hash(t, "wonderland"), Labels: labels},
		static.User{Name: "builder", PasswordHash: hash(t, "hammer"), Kind: authn.KindServiceAccount},
		static.User{Name: "mallory", PasswordHash: hash(t, "gone"), Disabled: true},
		static.User{Name: "robot$builder", PasswordHash: hash(t, "tin")},
	)
	for name, test := range map[string]struct {
		username string
		password authn.Secret
		want     authn.Subject
		err      error
		compared uint64
	}{
		"the right password":            {"alice", "wonderland", authn.Subject{Name: "alice", Labels: labels}, nil, 1},
		"a service account":             {"builder", "hammer", authn.Subject{Name: "builder", Kind: authn.KindServiceAccount}, nil, 1},
		"a user named like a robot":     {"robot$builder", "tin", authn.Subject{Name: "robot$builder", Kind: authn.KindUser}, nil, 1},
		"a wrong password":              {"alice", "looking-glass", authn.Subject{}, authn.ErrRejected, 1},
		"another user's password":       {"alice", "hammer", authn.Subject{}, authn.ErrRejected, 1},
		"a disabled user":               {"mallory", "gone", authn.Subject{}, authn.ErrRejected, 1},
		"an unknown user":               {"bob", "wonderland", authn.Subject{}, authn.ErrNoMatch, 1},
		"a name in another case":        {"Alice", "wonderland", authn.Subject{}, authn.ErrNoMatch, 1},
		"a name with a space":           {"alice ", "wonderland", authn.Subject{}, authn.ErrNoMatch, 1},
		"no user name":                  {"", "", authn.Subject{}, authn.ErrNoMatch, 0},
		"too long for bcrypt, disabled": {"mallory", authn.Secret(strings.Repeat("a", 73)), authn.Subject{}, authn.ErrRejected, 1},
	} {
		t.Run(name, func(t *testing.T) {
			before := checker.Stats().Compared
			got, err := users.Authenticate(t.Context(), authn.Request{Username: test.username, Password: test.password})
			if !errors.Is(err, test.err) {
				t.Errorf("error is %v, want %v", err, test.err)
			}
			if (got.Stamp == "") != (test.err != nil) {
				t.Errorf("stamp is %q", got.Stamp)
			}
			got.Stamp = ""
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("subject is %+v, want %+v", got, test.want)
			}
			if compared := checker.Stats().Compared - before; compared != test.compared {
				t.Errorf("made %d comparisons, want %d", compared, test.compared)
			}
		})
	}
}

func TestContract(t *testing.T) {
	labels := map[string][]string{"group": {"devs"}}
	users, _ := newUsers(t,
		static.User{Name: "alice", PasswordHash: hash(t, "wonderland"), Labels: labels},
		static.User{
			Name: "builder", PasswordHash: hash(t, "hammer"), Kind: authn.KindServiceAccount,
		},
		static.User{Name: "mallory", PasswordHash: hash(t, "gone"), Disabled: true},
	)
	authntest.Run(t, authntest.Suite{
		Source: users,
		Logins: []authntest.Login{
			{
				Request: authn.Request{Username: "alice", Password: "wonderland"},
				Subject: authn.Subject{Name: "alice", Labels: labels},
			},
			{
				Request: authn.Request{Username: "builder", Password: "hammer"},
				Subject: authn.Subject{Name: "builder", Kind: authn.KindServiceAccount},
			},
		},
		Wrong: []authn.Request{
			{Username: "alice", Password: "hammer"}, {Username: "mallory", Password: "gone"},
		},
		Unknown: []authn.Request{
			{Username: "bob", Password: "wonderland"}, {Username: "Alice", Password: "wonderland"},
		},
	})
}

func TestADisabledUserIsNotLookedUp(t *testing.T) {
	users, _ := newUsers(t, static.User{Name: "mallory", PasswordHash: hash(t, "a"), Disabled: true})
	if _, err := users.Lookup(t.Context(), "mallory"); !errors.Is(err, authn.ErrRejected) {
		t.Errorf("Lookup: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	good := hash(t, "wonderland")
	for name, test := range map[string]struct {
		user static.User
		want string
	}{
		"an empty name":              {static.User{PasswordHash: good}, "is empty"},
		"a name of 256 bytes":        {static.User{Name: strings.Repeat("a", 256), PasswordHash: good}, "longer than 255 bytes"},
		"a name that is not UTF-8":   {static.User{Name: "al\xffice", PasswordHash: good}, "UTF-8"},
		"a name with a line break":   {static.User{Name: "al\nice", PasswordHash: good}, "control character"},
		"a name with a C1 control":   {static.User{Name: "al\u0085ice", PasswordHash: good}, "control character"},
		"a name with a colon":        {static.User{Name: "al:ice", PasswordHash: good}, "colon"},
		"a name with a space before": {static.User{Name: " alice", PasswordHash: good}, "white space"},
		"a name with a space behind": {static.User{Name: "alice ", PasswordHash: good}, "white space"},
		"a name with a no-break one": {static.User{Name: "alice\u00a0", PasswordHash: good}, "white space"},
		"a name that is taken":       {static.User{Name: "first", PasswordHash: good}, "same name"},
		"a taken name, another kind": {static.User{Name: "first", PasswordHash: good, Kind: authn.KindServiceAccount}, "same name"},
		"an unknown kind":            {static.User{Name: "alice", PasswordHash: good, Kind: 7}, "kind"},
		"no hash":                    {static.User{Name: "alice"}, "not bcrypt or argon2id"},
		"a plain text password":      {static.User{Name: "alice", PasswordHash: "correct horse"}, "not bcrypt or argon2id"},
		"a hash that takes a day":    {static.User{Name: "alice", PasswordHash: "$2y$31$" + good[7:]}, "cost 31"},
	} {
		t.Run(name, func(t *testing.T) {
			users, err := static.New(static.Config{
				Users:  []static.User{{Name: "first", PasswordHash: good}, test.user},
				Logger: slog.New(slog.DiscardHandler),
			})
			var refused *static.UserError
			if !errors.As(err, &refused) || users != nil {
				t.Fatalf("New = %v, %v", users, err)
			}
			if refused.Index != 1 || refused.Name != test.user.Name || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			if secret := string(test.user.PasswordHash); secret != "" && strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the hash: %v", err)
			}
		})
	}
}

func TestNewAccepts(t *testing.T) {
	good := hash(t, "wonderland")
	for name, user := range map[string]string{
		"a name of 255 bytes":     strings.Repeat("a", 255),
		"a space within":          "Alice Liddell",
		"an address":              "alice@example.org",
		"letters of another sort": "алиса",
		"a slash":                 "team/alice",
	} {
		t.Run(name, func(t *testing.T) {
			users, _ := newUsers(t, static.User{Name: user, PasswordHash: good})
			if subject, err := users.Lookup(t.Context(), user); subject.Name != user || err != nil {
				t.Errorf("Lookup = %+v, %v", subject, err)
			}
		})
	}
}

func TestAnEmptyList(t *testing.T) {
	users, checker := newUsers(t)
	_, err := users.Authenticate(t.Context(), authn.Request{Username: "alice", Password: "wonderland"})
	if !errors.Is(err, authn.ErrNoMatch) || checker.Stats().Compared != 1 {
		t.Errorf("an empty list answers %v after %d comparisons", err, checker.Stats().Compared)
	}
}

func TestLabelsAreCopied(t *testing.T) {
	labels := map[string][]string{"group": {"devs"}}
	users, _ := newUsers(t, static.User{Name: "alice", PasswordHash: hash(t, "wonderland"), Labels: labels})
	labels["group"][0] = "admins"
	labels["more"] = []string{"rights"}
	subject, err := users.Lookup(t.Context(), "alice")
	if err != nil || !reflect.DeepEqual(subject.Labels, map[string][]string{"group": {"devs"}}) {
		t.Errorf("labels are %v, %v", subject.Labels, err)
	}
}

func TestWarnings(t *testing.T) {
	weak := hash(t, "wonderland")
	strong := "$2a$10$" + weak[7:] // matches no password, but none is checked
	for name, test := range map[string]struct {
		users []static.User
		want  []string
	}{
		"strong hashes of one cost": {[]static.User{{Name: "alice", PasswordHash: strong}, {Name: "bob", PasswordHash: strong}}, nil},
		"a weak hash":               {[]static.User{{Name: "alice", PasswordHash: weak}}, []string{"htpasswd -nBC 10", "count=1", "users=[alice]"}},
		"hashes of different costs": {[]static.User{{Name: "alice", PasswordHash: weak}, {Name: "bob", PasswordHash: strong}}, []string{"users=[alice]", `"[bcrypt cost 10 bcrypt cost 5]"`}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&out, nil))
			if _, err := static.New(static.Config{Users: test.users, Logger: logger}); err != nil {
				t.Fatal(err)
			}
			if test.want == nil && out.Len() > 0 {
				t.Errorf("logged %s", &out)
			}
			for _, want := range test.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in the log: %s", want, &out)
				}
			}
			if strings.Contains(out.String(), string(weak[7:])) {
				t.Errorf("the log shows a hash: %s", &out)
			}
		})
	}
}

func TestAWarningNamesAFewUsersOnly(t *testing.T) {
	var list []static.User
	for i := range 1000 {
		list = append(list, static.User{Name: fmt.Sprintf("user%03d", i), PasswordHash: "$2y$05$vorcrmoH33azSAcbh/y8c.APv1XJNGlBnj8qEAIMU4wMKGnyItaOC"})
	}
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, nil))
	if _, err := static.New(static.Config{Users: list, Logger: logger}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "user0"); got != 10 || !strings.Contains(out.String(), "count=1000") {
		t.Errorf("%d users are named: %s", got, &out)
	}
}

func TestPrintingShowsNoHash(t *testing.T) {
	user := static.User{Name: "alice", PasswordHash: hash(t, "wonderland")}
	users, _ := newUsers(t, user)
	digest := string(user.PasswordHash[30:])
	if printed := fmt.Sprintf("%v %+v %#v %v %+v %#v", user, user, user, users, users, users); strings.Contains(printed, digest) {
		t.Errorf("printed as %s", printed)
	}
}

// Every remembered login and every refresh token costs a lookup.
func BenchmarkLookup(b *testing.B) {
	list, right := make([]static.User, 10_000), hash(b, "right")
	for i := range list {
		list[i] = static.User{Name: "user" + strconv.Itoa(i), PasswordHash: right}
	}
	users, err := static.New(static.Config{Users: list, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := users.Lookup(b.Context(), "user5000"); err != nil {
			b.Fatal(err)
		}
	}
}
