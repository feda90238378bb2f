package auth_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/throttle"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
)

// A credential is the password of alice or one of her personal tokens.
type credential struct {
	rights []string  // the actions that it allows
	until  time.Time // its end, or the zero time
	stamp  string
}

// A vault is a source in which alice has a password and personal tokens, each with rights of its
// own. The fields say how good a source it is. All but a Confirmer with stamps of their own must
// not have anything about a personal token remembered.
type vault struct {
	limits      bool   // rights are a Limit; otherwise they are Labels for the authorizer
	stamps      string // "own" for each credential, "shared" by all, or "" for none
	credentials map[string]*credential
	password    string // the credential whose rights are those of the account
	made        int    // credentials so far
}

// subject is what a credential proves.
func (v *vault) subject(c *credential) authn.Subject {
	s := authn.Subject{Name: "alice", ValidUntil: c.until, Data: c}
	switch v.stamps {
	case "own":
		s.Stamp = c.stamp
	case "shared":
		s.Stamp = v.credentials[v.password].stamp
	}
	if v.limits {
		s.Labels = map[string][]string{"right": {"delete", "pull", "push"}}
		s.Limit = &authn.Limit{Scopes: []scope.Scope{
			{Type: "repository", Name: "alice/*", Actions: c.rights},
		}}
		if c == v.credentials[v.password] && len(c.rights) == 3 {
			s.Limit = nil
		}
	} else {
		s.Labels = map[string][]string{"right": slices.Clone(c.rights)}
	}
	return s
}

func (v *vault) Authenticate(_ context.Context, r authn.Request) (authn.Subject, error) {
	if r.Username != "alice" {
		return authn.Subject{}, authn.ErrNoMatch
	}
	if c, ok := v.credentials[string(r.Password)]; ok {
		return v.subject(c), nil
	}
	return authn.Subject{}, authn.ErrRejected
}

func (v *vault) lookup(name string) (authn.Subject, error) {
	if name != "alice" {
		return authn.Subject{}, authn.ErrNoMatch
	}
	return v.subject(v.credentials[v.password]), nil
}

// confirm finds the credential by its stamp. If stamps are shared, that is the password.
func (v *vault) confirm(remembered authn.Subject) (authn.Subject, error) {
	if remembered.Name != "alice" || v.stamps != "own" {
		return v.lookup(remembered.Name)
	}
	for _, c := range v.credentials {
		if c.stamp == remembered.Stamp {
			return v.subject(c), nil
		}
	}
	return authn.Subject{}, authn.ErrRejected
}

// The abilities of a source.
type (
	proving   struct{ authn.Func }
	directory struct {
		authn.Func
		v *vault
	}
	confirmer struct {
		authn.Func
		v *vault
	}
)

func (d directory) Lookup(_ context.Context, name string) (authn.Subject, error) {
	return d.v.lookup(name)
}

func (c confirmer) Confirm(_ context.Context, s authn.Subject) (authn.Subject, error) {
	return c.v.confirm(s)
}

func (v *vault) withAbility(ability string) authn.Authenticator {
	switch ability {
	case "directory":
		return directory{v.Authenticate, v}
	case "confirmer":
		return confirmer{v.Authenticate, v}
	default:
		return proving{v.Authenticate}
	}
}

// compose puts the source behind the decorators that programs use. In a split, a source of personal
// tokens alone stands before the directory of passwords.
func (v *vault) compose(random *rand.Rand, ability string) (authn.Authenticator, string) {
	source := v.withAbility(ability)
	tokens := authn.Func(func(ctx context.Context, r authn.Request) (authn.Subject, error) {
		if string(r.Password) == v.password || v.credentials[string(r.Password)] == nil {
			return authn.Subject{}, authn.ErrNoMatch
		}
		return v.Authenticate(ctx, r)
	})
	bob := directoryOf(authn.Subject{Name: "bob", Stamp: "bob"})
	split := authn.Chain(tokens, directory{v.Authenticate, v})
	cache := func(a authn.Authenticator) authn.Authenticator {
		return authn.Cache(a, authn.CacheConfig{Logger: discardLogger()})
	}
	throttled := func(a authn.Authenticator) authn.Authenticator {
		return throttle.New(a, throttle.Config{RefusalDelay: -1})
	}
	switch n := random.IntN(7); n {
	case 0:
		return authn.Chain(source, bob), "Chain(source, bob)"
	case 1:
		return authn.Chain(cache(source), bob), "Chain(Cache(source), bob)"
	case 2:
		return throttled(cache(authn.Chain(bob, source))), "Throttle(Cache(Chain(bob, source)))"
	case 3:
		return cache(throttled(authn.Chain(source, bob))), "Cache(Throttle(Chain(source, bob)))"
	case 4:
		return authn.Chain(source, cache(bob), cache(source)), "Chain(source, …, Cache(source))"
	case 5:
		return throttled(cache(split)), "Throttle(Cache(Chain(tokens, users)))"
	default:
		return split, "Chain(tokens, users)"
	}
}

// directoryOf is a source of one other subject.
func directoryOf(s authn.Subject) authn.Authenticator { return &otherPeople{s} }

type otherPeople struct{ subject authn.Subject }

func (o *otherPeople) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	return o.Lookup(ctx, r.Username)
}

func (o *otherPeople) Lookup(_ context.Context, name string) (authn.Subject, error) {
	if name != o.subject.Name {
		return authn.Subject{}, authn.ErrNoMatch
	}
	return o.subject, nil
}

func (v *vault) add(rights []string, until time.Time) (text string) {
	v.made++
	text = "secret " + strconv.Itoa(v.made)
	v.credentials[text] = &credential{rights, until, "stamp " + strconv.Itoa(v.made)}
	return text
}

// change is what administrators and alice do. Where stamps are shared, the password keeps more
// rights than every token, since such a source cannot tell the token of an account that is promoted
// later from its password; package authn asks for a stamp of each.
func (v *vault) change(random *rand.Rand) {
	narrower := [][]string{{}, {"pull"}, {"push"}, {"pull", "push"}, {"delete", "pull"}}
	rights := narrower[random.IntN(len(narrower))]
	texts := slices.Sorted(func(yield func(string) bool) {
		for text := range v.credentials {
			if text != v.password && !yield(text) {
				return
			}
		}
	})
	switch n := random.IntN(6); {
	case n == 0 || len(texts) == 0:
		v.add(rights, time.Time{})
	case n == 1:
		v.add(rights, time.Now().Add(time.Duration(random.IntN(120))*time.Second))
	case n == 2: // a new password
		current := v.credentials[v.password]
		delete(v.credentials, v.password)
		v.password = v.add(current.rights, time.Time{})
	case n == 3 && v.stamps != "shared":
		v.credentials[v.password].rights = append(narrower, everyRight)[random.IntN(6)]
	case n == 4:
		delete(v.credentials, texts[random.IntN(len(texts))])
	default:
		v.credentials[texts[random.IntN(len(texts))]].rights = rights
	}
}

var everyRight = []string{"delete", "pull", "push"}

// allows says what a credential allows if it is checked now, and whether it is good at all.
func (v *vault) allows(text string) ([]string, bool) {
	c, ok := v.credentials[text]
	if !ok || !c.until.IsZero() && !time.Now().Before(c.until) {
		return nil, false
	}
	return c.rights, true
}

// No order of requests, refreshes, cache hits and changes grants more than the credential at hand:
// the one that is presented, or the one that the refresh token was issued for. What a login with
// good credentials grants is exactly theirs.
func TestNoTokenGrantsMoreThanItsCredential(t *testing.T) {
	refreshed := make(map[string]int) // how often, for each kind of source
	for seed := range uint64(160) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			v := &vault{
				limits:      random.IntN(2) == 0,
				stamps:      []string{"own", "own", "shared", ""}[random.IntN(4)],
				credentials: map[string]*credential{},
			}
			ability := []string{"none", "directory", "confirmer"}[random.IntN(3)]
			v.password = v.add(everyRight, time.Time{})
			v.add([]string{"pull"}, time.Time{})
			source, name := v.compose(random, ability)
			kind := fmt.Sprintf("stamps %q, ability %s", v.stamps, ability)
			refreshed[kind] += v.play(t, random, source,
				fmt.Sprintf("seed %d: %s, limits %t, %s", seed, kind, v.limits, name))
		})
	}
	for kind, want := range map[string]bool{
		`stamps "own", ability confirmer`: true, `stamps "own", ability directory`: true,
		`stamps "shared", ability directory`: true, `stamps "", ability directory`: false,
		`stamps "", ability confirmer`: false,
	} {
		if n := refreshed[kind]; n > 0 != want {
			t.Errorf("%s: %d refreshes", kind, n)
		}
	}
}

// play asks with old and new credentials and refresh tokens, and returns the number of refreshes.
func (v *vault) play(
	t *testing.T, random *rand.Rand, source authn.Authenticator, name string,
) (refreshes int) {
	t.Helper()
	f := newLimitFixture(t, source, func(cfg *auth.Config) {
		cfg.Authenticator = source
		cfg.Authorizer = authz.Func(func(_ context.Context, r authz.Request) (authz.Decision, error) {
			return authz.Decision{Actions: r.Subject.Labels["right"]}, nil
		})
	})
	var texts []string
	var issued [][2]string // refresh tokens, each with the credential that it is for
	for step := range 60 {
		for text := range v.credentials {
			if !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
		slices.Sort(texts)
		text, refreshToken := texts[random.IntN(len(texts))], ""
		if len(issued) > 0 && random.IntN(2) == 0 {
			one := issued[random.IntN(len(issued))]
			refreshToken, text = one[0], one[1]
		}
		r := f.ask(random.IntN(2), text, refreshToken, "repository:alice/app:delete,pull,push")
		rights, good := v.allows(text)
		granted := ""
		if r.StatusCode == 200 {
			granted = r.granted(f.issuer)
		}
		want := scope.Format(withoutEmpty(rights))
		switch {
		case r.StatusCode != 200 && r.StatusCode != 401 && r.StatusCode != 429,
			r.StatusCode == 200 && !good,
			r.StatusCode == 401 && good && refreshToken == "",
			r.StatusCode == 200 && granted != want && (refreshToken == "" || !within(granted, rights)):
			t.Fatalf("%s, step %d: %q (refreshed %t) is good %t for %q and is granted %q with status %d",
				name, step, text, refreshToken != "", good, want, granted, r.StatusCode)
		case r.StatusCode == 200 && refreshToken != "":
			refreshes++
		case r.StatusCode == 200 && r.body.RefreshToken != "":
			issued = append(issued, [2]string{r.body.RefreshToken, text})
		}
		if random.IntN(3) == 0 {
			v.change(random)
		}
		time.Sleep(time.Duration(random.IntN(20)) * time.Second)
	}
	return refreshes
}

// withoutEmpty is the scope that a request is granted for these rights, unless there are none.
func withoutEmpty(rights []string) []scope.Scope {
	if len(rights) == 0 {
		return nil
	}
	return []scope.Scope{{Type: "repository", Name: "alice/app", Actions: rights}}
}

// within reports whether a formatted grant has no action beyond the rights.
func within(granted string, rights []string) bool {
	list, malformed := scope.ParseList(granted)
	for _, s := range list {
		for _, action := range s.Actions {
			if !slices.Contains(rights, action) {
				return false
			}
		}
	}
	return len(malformed) == 0
}
