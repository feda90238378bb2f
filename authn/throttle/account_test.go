package throttle_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/throttle"
)

// keys is a source of API keys: the name of a tenant, a dot and a secret, under any user name.
type keys struct{}

func (keys) Account(_ context.Context, r authn.Request) string {
	tenant, _, _ := strings.Cut(string(r.Password), ".")
	if tenant != "acme" && tenant != "umbrella" {
		return ""
	}
	return tenant
}

func (k keys) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	tenant := k.Account(ctx, r)
	switch {
	case tenant == "":
		return authn.Subject{}, authn.ErrNoMatch
	case !strings.HasSuffix(string(r.Password), ".right"):
		return authn.Subject{}, authn.ErrRejected
	}
	return authn.Subject{Name: tenant, Stamp: string(r.Password)}, nil
}

// With user names such as "token" and "oauth2", guesses of strangers locked valid keys out.
func TestStrangersDoNotLockAKeyOut(t *testing.T) {
	config := throttle.Config{RefusalDelay: -1}
	limit := func(a authn.Authenticator) authn.Authenticator {
		return throttle.New(authn.Cache(a, authn.CacheConfig{}), config)
	}
	for name, test := range map[string]struct {
		users func(people authn.Authenticator) authn.Authenticator
		want  int
	}{
		"without an account": {func(people authn.Authenticator) authn.Authenticator {
			return limit(authn.Chain(authn.Func(keys{}.Authenticate), people))
		}, 429},
		"with an account": {func(people authn.Authenticator) authn.Authenticator {
			return limit(authn.Chain(keys{}, people))
		}, 200},
		"in front of the throttle": {func(people authn.Authenticator) authn.Authenticator {
			return authn.Chain(authn.Func(keys{}.Authenticate), limit(people))
		}, 200},
	} {
		for _, address := range []string{home, ""} {
			t.Run(name+" from "+address, func(t *testing.T) {
				guard(t, config, func(g *guarded) {
					g.users = test.users(g.source)
					g.guess(130, address, "token")
					g.want(address, "token", "acme.right", test.want)
					g.want(address, "token", "another guess", 429)
					g.guess(130, address, "alice") // passwords are limited in each case
					g.want(address, "alice", "right", 429)
				})
			})
		}
	}
}

func TestFailuresAreCountedByTheAccountThatIsFound(t *testing.T) {
	guard(t, throttle.Config{}, func(g *guarded) {
		g.users = throttle.New(keys{}, throttle.Config{RefusalDelay: -1})
		g.want(home, "token", "umbrella.right", 200)
		for i := range 10 { // under any user name
			guess := authn.Secret("acme." + strconv.Itoa(i))
			g.want(home, "user"+strconv.Itoa(i), guess, 401)
		}
		g.want(home, "token", "acme.right", 429)
		g.want(other, "token", "acme.right", 200)
		g.want(home, "token", "umbrella.wrong", 401)
		g.want(home, "acme", "no key", 429) // the same account by its name
		time.Sleep(time.Second)
		g.want(home, "token", "acme.right", 200)
	})
}
