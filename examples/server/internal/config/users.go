package config

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
)

func (r *reader) users(section, n *yaml.Node) {
	r.usersGiven = !isNull(r.resolve(n))
	weak := make(weaknesses)
	r.entries(n, "users", func(key, value *yaml.Node) {
		if key.Value == "" {
			r.anonymous(key, value)
			return
		}
		r.user(key, value, weak)
	})
	weak.report(r, section)
}

// anonymous reads the entry "", which stands for requests without credentials.
func (r *reader) anonymous(key, n *yaml.Node) {
	if isNull(r.resolve(n)) {
		r.fail(key, `the user "" has no settings; write "": {} to allow anonymous requests`)
		return
	}
	r.cfg.AnonymousAllowed = true
	r.mapping(n, `the user ""`, func(key string, value *yaml.Node) bool {
		switch key {
		case "labels":
			r.cfg.AnonymousLabels = r.labels(value)
		case "password", "password_file", "password_env":
			r.fail(value, `the user "" stands for requests without credentials, and can have no password`)
		default:
			return false
		}
		return true
	})
}

// impossibleHash is the hash of no known password, for a user who is disabled and has none. It is the cheapest there is: the
// costliest hash of all users says how long an unknown one is checked.
const impossibleHash authn.Secret = "$2y$05$....................................................."

func (r *reader) user(key, n *yaml.Node, weak weaknesses) {
	user, hash, disabled := static.User{Name: key.Value}, secret{}, false
	what := "the user " + strconv.Quote(key.Value)
	r.mapping(n, what, func(key string, value *yaml.Node) bool {
		switch key {
		case "password", "password_file", "password_env":
			r.secret(&hash, key, value)
		case "labels":
			user.Labels = r.labels(value)
		case "disabled":
			disabled = r.boolean(value, key)
		default:
			return false
		}
		return true
	})
	switch {
	case disabled && hash.value == "":
		// Without an entry, the program of ext_auth would be asked, and could let the user in.
		hash = secret{at: key, value: impossibleHash}
	case !hash.given:
		r.fail(key, "%s has no password, which docker_auth takes for any password; make one with: server hash", what)
		return
	case hash.value == "":
		r.fail(hash.at, "%s: the password hash is empty; make one with: server hash", what)
		return
	}
	user.PasswordHash, user.Disabled = hash.value, disabled
	alone := static.Config{Users: []static.User{user}, Logger: slog.New(slog.DiscardHandler)}
	if _, err := static.New(alone); err != nil {
		if e := new(static.UserError); errors.As(err, &e) {
			err = e.Err
		}
		r.fail(hash.at, "%s: %w", what, err)
		return
	}
	if parsed, err := password.Parse(hash.value); err == nil && hash.given {
		weak.add(parsed, user.Name)
	}
	r.cfg.Users = append(r.cfg.Users, user)
}

// labels reads {group: [a, b]}, or {group: a} for a single value.
func (r *reader) labels(n *yaml.Node) map[string][]string {
	labels := make(map[string][]string)
	r.entries(n, "labels", func(key, value *yaml.Node) {
		if v := r.resolve(value); v.Kind == yaml.ScalarNode && !isNull(v) {
			labels[key.Value] = []string{v.Value}
			return
		}
		labels[key.Value] = r.texts(value, "the label "+strconv.Quote(key.Value))
	})
	return labels
}

// weaknesses are the names of users by what is weak about their hashes.
type weaknesses map[string][]string

func (w weaknesses) add(hash password.Hash, name string) {
	if reason := hash.Weakness(); reason != "" {
		w[reason] = append(w[reason], name)
	}
}

// maxNamesShown is how many users one warning names.
const maxNamesShown = 5

func (w weaknesses) report(r *reader, section *yaml.Node) {
	for _, reason := range slices.Sorted(maps.Keys(w)) {
		names := w[reason]
		r.warn(section, "weak password hashes (%s): %d users, such as %q", reason, len(names), names[:min(len(names), maxNamesShown)])
	}
}
