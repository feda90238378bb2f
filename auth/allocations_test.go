package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestAllocationsOfAGet bounds the allocations of a GET beside those of the signature, which are
// the standard library's.
func TestAllocationsOfAGet(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const runs = 200
	digest := sha256.Sum256(nil)
	signature := testing.AllocsPerRun(runs, func() {
		if _, err := key.Sign(nil, digest[:], crypto.SHA256); err != nil {
			t.Error(err)
		}
	})
	for name, test := range map[string]struct {
		query, password string
		shareFor        time.Duration
		most            float64
	}{
		"anonymous":                  {benchAnonymous, "", 0, signature + 60},
		"cached login":               {benchLogin, "wonderland", 0, signature + 76},
		"anonymous, shared token":    {benchAnonymous, "", time.Minute, 52},
		"cached login, shared token": {benchLogin, "wonderland", time.Minute, 68},
	} {
		t.Run(name, func(t *testing.T) {
			server := newBenchServer(t, benchConfig{shareFor: test.shareFor})
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/token?"+test.query, nil)
			if test.password != "" {
				r.SetBasicAuth("alice", test.password)
			}
			got := testing.AllocsPerRun(runs, func() {
				w := discard{header: make(http.Header)}
				if server.ServeHTTP(&w, r); w.status != http.StatusOK {
					t.Errorf("status %d", w.status)
				}
			})
			most := test.most + raceAllocations
			t.Logf("%v allocations, %v at most; a signature has %v", got, most, signature)
			if got > most {
				t.Errorf("%v allocations, and %v are the most", got, most)
			}
		})
	}
}
