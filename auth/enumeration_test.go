package auth_test

import (
	"cmp"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/static"
	"github.com/berthpass/registry-auth/authn/throttle"
)

func discardLogger() *slog.Logger { return slog.New(discardLog{}) }

// No answer shows whether a user exists or is disabled: not to the first wrong password, not to a
// throttled one, and not later.
func TestAnswersDoNotShowWhichUsersExist(t *testing.T) {
	synctest.Test(t, answersDoNotShowWhichUsersExist)
}

func answersDoNotShowWhichUsersExist(t *testing.T) {
	users, _ := hashed(t, static.User{Name: "alice"}, static.User{Name: "dora", Disabled: true})
	f := throttledFixture(t, users)
	f.loginFrom("192.0.2.1", "alice", "right").wantStatus(200) // it is cached now
	for name, login := range map[string]func(f *fixture, address, username, password string) *reply{
		"GET": (*fixture).loginFrom, "POST": (*fixture).postFrom,
	} {
		address := map[string]string{"GET": "192.0.2.1", "POST": "192.0.2.2"}[name]
		for n := range 14 {
			password := "wrong" + strconv.Itoa(n)
			want := login(f, address, "alice", password)
			if throttled := want.StatusCode == 429; throttled != (n >= 10) {
				t.Fatalf("%s %d: status %d", name, n, want.StatusCode)
			}
			for _, username := range []string{"nobody", "dora"} {
				wantSameAnswer(t, login(f, address, username, password), want)
			}
		}
		wantSameAnswer(t, login(f, address, "dora", "right"), login(f, address, "nobody", "right"))
		time.Sleep(time.Second)
		wantSameAnswer(t, login(f, address, "dora", "right"), login(f, address, "nobody", "right"))
	}
}

func wantSameAnswer(t *testing.T, got, want *reply) {
	t.Helper()
	gotHeader, wantHeader := got.Header.Clone(), want.Header.Clone()
	for _, h := range []http.Header{gotHeader, wantHeader} {
		h.Del("Date")
	}
	if got.StatusCode != want.StatusCode || got.text != want.text || got.Proto != want.Proto || got.ContentLength != want.ContentLength {
		t.Errorf("answers differ:\n%d %s\n%d %s", got.StatusCode, got.text, want.StatusCode, want.text)
	}
	if !maps.EqualFunc(gotHeader, wantHeader, slices.Equal) {
		t.Errorf("headers differ:\n%v\n%v", gotHeader, wantHeader)
	}
}

// BenchmarkWrongPassword alternates wrong passwords for a known user, another one, an unknown and a
// disabled one. By the Mann-Whitney test it reports how likely times differ this much by chance:
// p/unknown and p/disabled, and p/known for two known users as the measure. Look closer at a p
// below 0.01.
//
//	go test ./auth -run '^$' -bench WrongPassword -benchtime 300x
//
// With fewer than 200 rounds, p says little.
func BenchmarkWrongPassword(b *testing.B) {
	for _, which := range []struct {
		name string
		warm bool
	}{{"cold", false}, {"the right password is cached", true}} {
		b.Run(which.name, func(b *testing.B) { wrongPasswords(b, which.warm) })
	}
}

func wrongPasswords(b *testing.B, warm bool) {
	b.Helper()
	handler := timedServer(b)
	names := []string{"alice", "bob", "nobody", "dora"} // the first is what the others are compared with
	login := func(name, password string) time.Duration {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/token?service="+service, nil)
		r.SetBasicAuth(name, password)
		w := discard{header: make(http.Header)}
		begun := time.Now()
		handler.ServeHTTP(&w, r)
		return time.Since(begun)
	}
	if warm {
		login("alice", "right")
		login("bob", "right")
	}
	took := make([][]float64, len(names))
	for round := 0; b.Loop(); round++ {
		for i := range names {
			user := (i + round) % len(names) // so that the order favours nobody
			password := "wrong" + strconv.Itoa(round*len(names)+i)
			took[user] = append(took[user], float64(login(names[user], password)))
			time.Sleep(timedRest) // as long as a place of the checker rests
		}
	}
	for i, what := range map[int]string{1: "p/known", 2: "p/unknown", 3: "p/disabled"} {
		b.ReportMetric(mannWhitney(took[0], took[i]), what)
	}
	slices.Sort(took[0])
	b.ReportMetric(took[0][len(took[0])/2]/1e6, "ms/median")
}

const (
	timedCost = 7
	timedRest = 30 * time.Millisecond
)

// timedServer has two sources of users behind a chain, a cache, and a throttle that never
// throttles.
func timedServer(b *testing.B) http.Handler {
	b.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("right"), timedCost)
	if err != nil {
		b.Fatal(err)
	}
	var sources []authn.Authenticator
	for _, list := range [][]static.User{
		{{Name: "alice"}, {Name: "dora", Disabled: true}},
		{{Name: "bob"}},
	} {
		for i := range list {
			list[i].PasswordHash = authn.Secret(hash)
		}
		users, err := static.New(static.Config{Users: list, Logger: discardLogger()})
		if err != nil {
			b.Fatal(err)
		}
		sources = append(sources, users)
	}
	cached := authn.Cache(authn.Chain(sources...), authn.CacheConfig{})
	free := throttle.Rule{Free: math.MaxInt}
	return benchServer(b, throttle.New(cached, throttle.Config{Pair: free, Network: free}), benchConfig{})
}

// mannWhitney returns the two-sided p of the Mann-Whitney U test by the normal approximation, which
// is good for twenty values and more of each.
func mannWhitney(a, b []float64) float64 {
	type value struct {
		v     float64
		first bool
	}
	all := make([]value, 0, len(a)+len(b))
	for _, v := range a {
		all = append(all, value{v, true})
	}
	for _, v := range b {
		all = append(all, value{v, false})
	}
	slices.SortFunc(all, func(x, y value) int { return cmp.Compare(x.v, y.v) })
	rankSum := 0.0
	for begin, end := 0, 0; begin < len(all); begin = end {
		for end < len(all) && all[end].v == all[begin].v {
			end++
		}
		for _, tied := range all[begin:end] { // equal values share their ranks, which are begin+1 to end
			if tied.first {
				rankSum += float64(begin+1+end) / 2
			}
		}
	}
	n, m := float64(len(a)), float64(len(b))
	u := rankSum - n*(n+1)/2
	z := (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12)
	return math.Erfc(math.Abs(z) / math.Sqrt2)
}

func TestMannWhitney(t *testing.T) {
	numbers := func(n int, f func(i int) float64) []float64 {
		list := make([]float64, n)
		for i := range list {
			list[i] = f(i)
		}
		return list
	}
	identity := func(i int) float64 { return float64(i) }
	for name, test := range map[string]struct {
		a, b        []float64
		least, most float64
	}{
		"the same values":         {numbers(100, identity), numbers(100, identity), 0.99, 1},
		"one value":               {numbers(100, func(int) float64 { return 7 }), numbers(100, func(int) float64 { return 7 }), 0.99, 1},
		"others by more than all": {numbers(100, identity), numbers(100, func(i int) float64 { return float64(i + 100) }), 0, 1e-9},
		"others by a fifth":       {numbers(100, identity), numbers(100, func(i int) float64 { return float64(i + 20) }), 1e-6, 0.01},
		"others by a little":      {numbers(100, identity), numbers(100, func(i int) float64 { return float64(i + 2) }), 0.1, 0.9},
	} {
		if p := mannWhitney(test.a, test.b); p < test.least || p > test.most {
			t.Errorf("%s: p is %v, want %v to %v", name, p, test.least, test.most)
		}
	}
}
