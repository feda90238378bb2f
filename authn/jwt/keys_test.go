package jwt_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

var errDown = errors.New("connection refused")

// Anybody can send a JWT with a key that nobody knows.
func TestAnUnknownKeyIsFetchedAtABoundedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		source := newSource(t, p.config())
		old := p.jwt(nil)
		if _, err := login(t, source, old); err != nil || p.fetched() != 1 {
			t.Fatalf("the first JWT: %v, after %d fetches", err, p.fetched())
		}
		p.rotate()
		for range 10 {
			time.Sleep(time.Second - 1)
			_, err := login(t, source, p.jwt(nil))
			if !errors.Is(err, authn.ErrRejected) || p.fetched() != 1 {
				t.Fatalf("within ten seconds: %v, after %d fetches", err, p.fetched())
			}
		}
		time.Sleep(10 * time.Nanosecond)
		if _, err := login(t, source, p.jwt(nil)); err != nil || p.fetched() != 2 {
			t.Errorf("after ten seconds: %v, after %d fetches", err, p.fetched())
		}
		if _, err := login(t, source, old); !errors.Is(err, authn.ErrRejected) {
			t.Errorf("a JWT with a withdrawn key: %v", err)
		}
	})
}

func TestManyRequestsShareAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		source := newSource(t, p.config())
		raw := p.jwt(nil)
		p.fail(nil, time.Second)
		var good atomic.Int64
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if subject, err := login(t, source, raw); err == nil && !subject.Anonymous() {
					good.Add(1)
				}
			})
		}
		wg.Wait()
		if good.Load() != 100 || p.fetched() != 1 {
			t.Errorf("%d of 100 logins, with %d fetches", good.Load(), p.fetched())
		}
	})
}

// The keys may be new ones, and after a 401 clients discard the JWT.
func TestAnUnknownKeyIsAnOutageWhileTheProviderIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		source := newSource(t, p.config())
		p.fail(errDown, 0)
		for range 3 {
			if _, err := login(t, source, p.jwt(nil)); !errors.Is(err, errDown) || !isOutage(err) {
				t.Errorf("before the first keys: %v", err)
			}
		}
		if p.fetched() != 1 {
			t.Errorf("%d fetches within ten seconds", p.fetched())
		}
		p.fail(nil, 0)
		time.Sleep(10 * time.Second)
		known := p.jwt(nil)
		if _, err := login(t, source, known); err != nil {
			t.Errorf("the provider is up again: %v", err)
		}
		p.rotate()
		p.fail(errDown, 0)
		time.Sleep(10 * time.Second)
		if _, err := login(t, source, p.jwt(nil)); !errors.Is(err, errDown) || !isOutage(err) {
			t.Errorf("a new key: %v", err)
		}
		if _, err := login(t, source, known); err != nil {
			t.Errorf("a known key: %v", err)
		}
		logs := p.logs.String()
		if strings.Count(logs, errDown.Error()) != 2 || strings.Contains(logs, known[:20]) {
			t.Errorf("the log is\n%s", logs)
		}
	})
}

func TestKnownKeysAreRefreshedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		source := newSource(t, p.config())
		old := p.jwt(nil)
		login := func() error {
			began := time.Now()
			_, err := login(t, source, old)
			if time.Since(began) != 0 && p.fetched() > 1 {
				t.Errorf("it waits for %v", time.Since(began))
			}
			return err
		}
		if err := login(); err != nil {
			t.Fatal(err)
		}
		p.rotate()
		p.fail(nil, 2*time.Second) // for each of two documents
		time.Sleep(5*time.Minute - 1)
		if err := login(); err != nil || p.fetched() != 1 {
			t.Errorf("before five minutes: %v, after %d fetches", err, p.fetched())
		}
		time.Sleep(time.Nanosecond)
		began := time.Now()
		for range 4 { // four seconds
			if err := login(); err != nil || p.fetched() != 1 || time.Since(began) > 3*time.Second {
				t.Errorf("during the fetch: %v, after %d fetches", err, p.fetched())
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if err := login(); !errors.Is(err, authn.ErrRejected) || p.fetched() != 2 {
			t.Errorf("after it: %v, after %d fetches", err, p.fetched())
		}
	})
}

func TestKnownKeysAreGoodForADayWhileTheProviderIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		source := newSource(t, p.config())
		raw := p.jwt(map[string]any{"exp": time.Now().Add(72 * time.Hour).Unix()})
		if _, err := login(t, source, raw); err != nil {
			t.Fatal(err)
		}
		fetched := time.Now()
		p.fail(errDown, time.Second)
		for time.Since(fetched) < 24*time.Hour-time.Hour {
			time.Sleep(time.Hour)
			if _, err := login(t, source, raw); err != nil {
				t.Fatalf("after %v: %v", time.Since(fetched), err)
			}
		}
		time.Sleep(time.Until(fetched.Add(24*time.Hour - 1)))
		if _, err := login(t, source, raw); err != nil {
			t.Errorf("at the end of a day: %v", err)
		}
		time.Sleep(time.Nanosecond)
		if _, err := login(t, source, raw); !errors.Is(err, errDown) || !isOutage(err) {
			t.Errorf("after a day: %v", err)
		}
		p.fail(nil, 0)
		time.Sleep(10 * time.Second)
		if _, err := login(t, source, raw); err != nil {
			t.Errorf("the provider is up again: %v", err)
		}
	})
}

func TestAFetchEndsAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		source := newSource(t, p.config())
		p.fail(nil, time.Hour)
		began := time.Now()
		_, err := login(t, source, p.jwt(nil))
		if !isOutage(err) || time.Since(began) != 5*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// Others may wait for the same fetch.
func TestAClientThatHangsUpDoesNotEndTheFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider()
		source := newSource(t, p.config())
		p.fail(nil, time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		began, raw := time.Now(), p.jwt(nil)
		_, err := source.Authenticate(ctx, request(raw))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Millisecond {
			t.Errorf("the first client: %v after %v", err, time.Since(began))
		}
		if _, err := login(t, source, raw); err != nil || p.fetched() != 1 {
			t.Errorf("the second one: %v, after %d fetches", err, p.fetched())
		}
	})
}

func TestUnusableAnswersAreOutages(t *testing.T) {
	p := newProvider()
	good := p.handler
	body := func(path string) string {
		w := httptest.NewRecorder()
		good.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w.Body.String()
	}
	const discovery = "/.well-known/openid-configuration"
	keys, document := body("/keys"), body(discovery)
	moved := func(path, body string) http.Handler {
		return answer(http.StatusFound, http.Header{"Location": {path}}, body)
	}
	saying := func(issuer, address string) http.Handler {
		return answer(200, nil, `{"issuer":"`+issuer+`","jwks_uri":"`+address+`"}`)
	}
	symmetric := `{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"1"}]}`
	for name, test := range map[string]struct {
		path    string
		handler http.Handler
	}{
		"keys beside a 500":           {"/keys", answer(500, nil, keys)},
		"keys that have moved":        {"/keys", moved("/moved/keys", keys)},
		"keys that are HTML":          {"/keys", answer(200, nil, "<html>")},
		"no keys":                     {"/keys", answer(200, nil, `{"keys":[]}`)},
		"a symmetric key":             {"/keys", answer(200, nil, symmetric)},
		"more than a MiB of keys":     {"/keys", answer(200, nil, keys+strings.Repeat(" ", 1<<20))},
		"a document beside a 404":     {discovery, answer(404, nil, document)},
		"a document that has moved":   {discovery, moved("/moved/document", document)},
		"a document that is HTML":     {discovery, answer(200, nil, "<html>")},
		"one of another issuer":       {discovery, saying(p.issuer+"/", p.issuer+"/keys")},
		"one without an issuer":       {discovery, saying("", p.issuer+"/keys")},
		"one without keys":            {discovery, saying(p.issuer, "")},
		"one with keys by plain http": {discovery, saying(p.issuer, "http://idp.example.com/keys")},
		"one with keys at no URL":     {discovery, saying(p.issuer, "https://[")},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.Handle("/", good)
			mux.Handle("/moved/keys", answer(200, nil, keys))
			mux.Handle("/moved/document", answer(200, nil, document))
			mux.Handle(test.path, test.handler)
			p.handler = mux
			if _, err := login(t, newSource(t, p.config()), p.jwt(nil)); !isOutage(err) {
				t.Errorf("error %v, want an outage", err)
			}
		})
	}
}

func TestAnIssuerMayEndInASlash(t *testing.T) {
	p := newProvider()
	p.issuer += "/"
	if _, err := login(t, newSource(t, p.config()), p.jwt(nil)); err != nil {
		t.Error(err)
	}
}

func TestKeysAtAURLNeedNoDiscovery(t *testing.T) {
	p := newProvider()
	p.issuer = "accounts.example.com"
	config := p.config()
	config.KeysURL = "https://www.example.com/keys"
	if _, err := login(t, newSource(t, config), p.jwt(nil)); err != nil {
		t.Error(err)
	}
}
