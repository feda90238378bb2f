package serve

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// Ten wrong passwords are free, the eleventh try is not looked at; and a reload gives no new ones.
func TestThrottle(t *testing.T) {
	wrong := func(r *http.Request) { r.SetBasicAuth("alice", "rabbit "+r.Header.Get("X-Try")) }
	try := func(f *fixture, peer string, n int) int {
		return f.get(devs, func(r *http.Request) {
			r.RemoteAddr = peer
			r.Header.Set("X-Try", string(rune('a'+n))) // the same password twice within a second counts once
			wrong(r)
		}).Code
	}
	f := newFixture(t, base, (*fixture).cheapPassword)
	now := time.Now()
	synctest.Test(t, func(t *testing.T) { // so that waits do not depend on the machine
		f.t = t
		time.Sleep(time.Until(now)) // from where the clock starts, at which no certificate is valid
		for n := range 12 {
			want := http.StatusUnauthorized
			if n == 10 { // its answer is held for a second, after which the next try is looked at
				want = http.StatusTooManyRequests
			}
			if code := try(f, "192.0.2.1:1", n); code != want {
				t.Fatalf("try %d: status %d, want %d", n+1, code, want)
			}
		}
		f.write(base + "refresh_tokens: {enabled: true}\n")
		if _, err := f.reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if code := try(f, "192.0.2.1:1", 12); code != http.StatusTooManyRequests {
			t.Errorf("after a reload: status %d", code)
		}
		elsewhere := func(r *http.Request) { r.RemoteAddr = "192.0.2.2:1" }
		if w := f.get(devs, asAlice, elsewhere); w.Code != http.StatusOK {
			t.Errorf("the right password from elsewhere: status %d", w.Code)
		}
	})
}

// All clients have the address of a proxy on this machine whose header is not configured: not one
// for all.
func TestThrottleBehindAProxyOfThisMachine(t *testing.T) {
	f := newFixture(t, base, (*fixture).cheapPassword)
	for n := range 110 {
		f.get(
			devs,
			func(r *http.Request) {
				r.SetBasicAuth("user"+string(rune('a'+n%26))+string(rune('a'+n/26)),
					"x")
			},
		)
	}
	if w := f.get(devs, asAlice); w.Code != http.StatusOK {
		t.Errorf("after the failures of others: status %d", w.Code)
	}
}

func TestThrottleOff(t *testing.T) {
	f := newFixture(t, base+"throttle: {enabled: false}\n", (*fixture).cheapPassword)
	for n := range 12 {
		wrong := func(r *http.Request) { r.SetBasicAuth("alice", string(rune('a'+n))) }
		if w := f.get(devs, wrong); w.Code != http.StatusUnauthorized {
			t.Errorf("try %d: status %d", n+1, w.Code)
		}
	}
}
