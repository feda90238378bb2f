package section

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// Users are the users with a password, disabled ones, and requests without credentials.
type Users struct {
	conf.Place

	AnonymousAllowed bool
	AnonymousLabels  map[string][]string

	users []static.User
	sum   string
	given bool
}

// Keys implements [Section].
func (u *Users) Keys() []string { return []string{"users"} }

// Read implements [Section].
func (u *Users) Read(n *conf.Node) {
	u.Place, u.given = n.Place, !n.Null()
	weak := make(map[string][]string) // the names by what is weak about their hashes
	n.Entries(func(name string, n *conf.Node) {
		n.As("the user " + strconv.Quote(name))
		if name == "" {
			u.anonymous(n)
			return
		}
		u.user(name, n, weak)
	})
	for _, reason := range slices.Sorted(maps.Keys(weak)) {
		const shown = 5
		names := weak[reason]
		n.Warnf("weak password hashes (%s): %d users, such as %q",
			reason, len(names), names[:min(len(names), shown)])
	}
	u.sum = n.Sum()
}

// anonymous reads the entry "", which stands for requests without credentials.
func (u *Users) anonymous(n *conf.Node) {
	if n.Null() {
		n.Errorf(`the user "" has no settings; write "": {} to allow anonymous requests`)
		return
	}
	u.AnonymousAllowed = true
	refuse := func(n *conf.Node) {
		n.Errorf(`the user "" stands for requests without credentials, and can have no password`)
	}
	n.Fields(
		conf.Func("labels", func(n *conf.Node) { u.AnonymousLabels = labels(n) }),
		conf.Func("password", refuse), conf.Func("password_file", refuse),
		conf.Func("password_env", refuse),
	)
}

// impossibleHash is the hash of no known password, for a disabled user without one. It is the
// cheapest there is: the costliest hash of all users says how long an unknown one is checked.
const impossibleHash authn.Secret = "$2y$05$....................................................."

func (u *Users) user(name string, n *conf.Node, weak map[string][]string) {
	user, given := static.User{Name: name}, false
	n.Fields(
		conf.Secret("password", &user.PasswordHash).Given(&given),
		conf.Func("labels", func(n *conf.Node) { user.Labels = labels(n) }),
		conf.Bool("disabled", &user.Disabled),
	)
	what := "the user " + strconv.Quote(name)
	switch {
	case user.Disabled && user.PasswordHash == "":
		// Without an entry, the program of ext_auth would be asked, and could let the user in.
		user.PasswordHash, given = impossibleHash, false
	case !given:
		n.Errorf("%s has no password, which docker_auth takes for any password; "+
			"make one with: server hash", what)
		return
	case user.PasswordHash == "":
		n.Errorf("%s: the password hash is empty; make one with: server hash", what)
		return
	}
	alone := static.Config{Users: []static.User{user}, Logger: slog.New(slog.DiscardHandler)}
	if _, err := static.New(alone); err != nil {
		if e := new(static.UserError); errors.As(err, &e) {
			err = e.Err
		}
		n.Errorf("%s: %w", what, err)
		return
	}
	if hash, err := password.Parse(user.PasswordHash); err == nil && given {
		if reason := hash.Weakness(); reason != "" {
			weak[reason] = append(weak[reason], name)
		}
	}
	u.users = append(u.users, user)
}

// labels reads {group: [a, b]}, or {group: a} for a single value.
func labels(n *conf.Node) map[string][]string {
	labels := make(map[string][]string)
	n.Entries(func(key string, n *conf.Node) {
		if !n.IsList() && !n.Null() {
			labels[key] = []string{n.Text()}
			return
		}
		labels[key] = n.As("the label " + strconv.Quote(key)).Texts()
	})
	return labels
}

// Build implements [Section]. Right passwords are remembered for a minute, as long as the section
// is the same.
func (u *Users) Build(s *Site) (Part, error) {
	checker, err := Hold(s, "users: checker", func() (*password.Checker, error) {
		return &password.Checker{}, nil
	})
	if err != nil {
		return Part{}, err
	}
	part := Part{
		Count:   Count{"users", "Users with a password.", len(u.users)},
		Config:  u.config,
		Metrics: checkerMetrics(checker),
	}
	if !u.given {
		return part, nil
	}
	part.Authenticator, err = Hold(s, "users: "+u.sum, func() (authn.Authenticator, error) {
		// The weak hashes among these are in the warnings already.
		users, err := static.New(static.Config{
			Users: u.users, Checker: checker, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return nil, &conf.PositionError{Position: u.Position, Err: err}
		}
		return authn.Cache(users, authn.CacheConfig{Logger: s.Logger}), nil
	})
	u.users = nil // the list has its own copy
	return part, err
}

func (u *Users) config(c *auth.Config) {
	c.AnonymousAllowed = u.AnonymousAllowed
	c.Authorizer = anonymousLabels{u.AnonymousLabels, c.Authorizer}
}

// anonymousLabels gives the anonymous subject the labels that the configuration has for it.
type anonymousLabels struct {
	labels map[string][]string
	next   authz.Authorizer
}

func (a anonymousLabels) Authorize(
	ctx context.Context, r authz.Request,
) (authz.Decision, error) {
	a.complete(&r)
	return a.next.Authorize(ctx, r)
}

func (a anonymousLabels) AuthorizeBatch(
	ctx context.Context, requests []authz.Request,
) ([]authz.Decision, error) {
	completed := slices.Clone(requests)
	for i := range completed {
		a.complete(&completed[i])
	}
	return authz.AuthorizeBatch(ctx, a.next, completed)
}

func (a anonymousLabels) complete(r *authz.Request) {
	if r.Subject.Anonymous() && r.Subject.Labels == nil {
		r.Subject.Labels = a.labels
	}
}

// checkerMetrics shows the figures of the bound on password checks.
func checkerMetrics(checker *password.Checker) []prometheus.Collector {
	counter := func(name, help string, value func() uint64) prometheus.Collector {
		opts := prometheus.CounterOpts{Name: "registry_auth_password_checks" + name, Help: help}
		return prometheus.NewCounterFunc(opts, func() float64 { return float64(value()) })
	}
	return []prometheus.Collector{
		counter("_total", "Password checks.", func() uint64 { return checker.Stats().Compared }),
		counter("_refused_total", "Password checks that were refused because too many waited.",
			func() uint64 { return checker.Stats().Refused }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "registry_auth_password_checks_waiting",
			Help: "Password checks that wait for others.",
		}, func() float64 { return float64(checker.Stats().Waiting) }),
	}
}
