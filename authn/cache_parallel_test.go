package authn_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

func TestALargeCacheIsBounded(t *testing.T) {
	const size, users = 5000, 12_000
	s := &source{}
	cached := authn.Cache(s, authn.CacheConfig{MaxEntries: size})
	for i := range users {
		login(t, cached, s, strconv.Itoa(i), "right", nil)
	}
	s.check = func(context.Context, authn.Request) (authn.Subject, error) {
		return authn.Subject{}, authn.ErrRejected
	}
	for i := range users {
		want := authn.ErrRejected
		if i >= users-size {
			want = nil
		}
		login(t, cached, s, strconv.Itoa(i), "right", want)
	}
}

// Whatever is evicted or expires meanwhile, every request gets its own subject, and a wrong password
// is wrong.
func TestConcurrentLogins(t *testing.T) {
	for name, config := range map[string]authn.CacheConfig{
		"a small cache":     {MaxEntries: 5},
		"a short lifetime":  {TTL: time.Microsecond},
		"the default cache": {},
	} {
		t.Run(name, func(t *testing.T) {
			cached := authn.Cache(&source{}, config)
			var goroutines sync.WaitGroup
			for first := range 8 {
				goroutines.Go(func() {
					for i := range 2000 {
						r := authn.Request{
							Username: "user" + strconv.Itoa((first+i)%20), Password: "right",
						}
						subject, err := cached.Authenticate(t.Context(), r)
						if err != nil || subject.Name != r.Username {
							t.Errorf("%s logs in as %+v, %v", r.Username, subject, err)
						}
						if r.Password = "wrong"; i%10 == 0 {
							if subject, err := cached.Authenticate(t.Context(), r); err == nil {
								t.Errorf("the wrong password of %s gives %+v", r.Username, subject)
							}
						}
					}
				})
			}
			goroutines.Wait()
		})
	}
}
