package token_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// Fifty times in a minute, and once more in an hour, the key file is replaced by something good or bad, while tokens are
// issued without a pause. A verifier fetches the JWKS every five seconds; it accepts each token until its end, and so does
// one that knows nothing but the authority.
func TestFiftyReplacementsUnderLoad(t *testing.T) {
	authority := generateAuthority(t)
	f := newKeyFile(t, below(t, authority), token.KeyFileConfig{Roots: rootsOf(authority), PublishFirst: 6 * time.Second})
	good := map[string]bool{f.Keys().Signing().ID(): true}
	load := startLoad(t, f, authority)
	for i := range 50 {
		next := below(t, authority)
		if replaceKeyFile(t, f, load, next, i) {
			good[next.ID()] = true
		}
		for range 5 { // of which each change lasts long enough to be seen, and a good key to sign
			load.advance(t, time.Second)
		}
		if !good[f.Keys().Signing().ID()] {
			t.Fatalf("replacement %d: a bad key signs", i)
		}
	}
	load.stop()
	signed := 0
	load.signed.Range(func(id, _ any) bool {
		signed++
		if !good[id.(string)] {
			t.Errorf("the key %v has signed", id)
		}
		return true
	})
	if signed < 3 {
		t.Errorf("only %d keys have signed", signed)
	}
	t.Logf("%d tokens of %d keys", load.count.Load(), signed)
}

// replaceKeyFile reports whether the replacement is good.
func replaceKeyFile(t *testing.T, f *openKeyFile, load *load, next *token.Key, i int) bool {
	t.Helper()
	data := pemOf(t, next)
	if info, err := os.Stat(f.key); err == nil && info.IsDir() {
		if err := os.Remove(f.key); err != nil {
			t.Fatal(err)
		}
	}
	switch i % 8 {
	case 0, 4: // by rename
		f.replace(t, f.key, data)
		return true
	case 1: // emptied, and filled bit by bit
		f.write(t, f.key, nil, 0o600)
		load.advance(t, time.Second)
		f.write(t, f.key, data[:len(data)/3], 0o600)
		load.advance(t, time.Second)
		f.write(t, f.key, data, 0o600)
		return true
	case 2: // a key of a type that cannot sign
		f.replace(t, f.key, testdata(t, "x25519-pkcs8.pem"))
	case 3: // readable by everybody
		f.write(t, f.key+".new", data, 0o644)
		if err := os.Rename(f.key+".new", f.key); err != nil {
			t.Fatal(err)
		}
	case 5:
		f.write(t, f.key, nil, 0o600)
	case 6:
		if err := os.Remove(f.key); err != nil {
			t.Fatal(err)
		}
	case 7:
		if err := errors.Join(os.RemoveAll(f.key), os.Mkdir(f.key, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	return false
}

// load issues and verifies tokens.
type load struct {
	f       *openKeyFile
	fetched atomic.Pointer[token.Verifier]
	seconds int
	count   atomic.Int64
	signed  sync.Map      // ids of keys
	done    chan struct{} // a worker has done something
	ended   context.Context
	stop    func()
}

func startLoad(t *testing.T, f *openKeyFile, authority *token.Authority) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // ends in the cleanup
	var workers sync.WaitGroup
	l := &load{f: f, done: make(chan struct{}), ended: ctx, stop: func() { cancel(); workers.Wait() }}
	t.Cleanup(l.stop)
	l.fetch(t)
	issuer := newIssuer(t, f.Keys(), f.clock.Now)
	byRoots := rootsVerifier(t, rootsOf(authority), f.clock.Now)
	for range 4 {
		workers.Go(func() {
			var kept []token.Token // are verified again and again until they expire
			for i := 0; l.next(); i++ {
				issued, err := issuer.Issue(context.Background(), aliceMay("pull")) //nolint:usetesting // see above
				if err != nil {
					t.Errorf("not issued: %v", err)
					return
				}
				if i%50 == 0 {
					kept = append(kept, issued)
					header, _ := decode(t, issued.Value)
					l.signed.Store(header["kid"], true)
				}
				for _, one := range []token.Token{issued, kept[i%len(kept)]} {
					for _, verifier := range []*token.Verifier{byRoots, l.fetched.Load()} {
						if _, err := verifier.Verify(string(one.Value)); err != nil && !errors.Is(err, token.ErrExpired) {
							t.Errorf("refused: %v", err)
							return
						}
					}
				}
				l.count.Add(1)
			}
		})
	}
	return l
}

// next waits until a worker is asked for more.
func (l *load) next() bool {
	select {
	case l.done <- struct{}{}:
		return true
	case <-l.ended.Done():
		return false
	}
}

// advance lets the clock go on when each worker has done something since the last time, or is about to.
func (l *load) advance(t *testing.T, d time.Duration) {
	t.Helper()
	for range 8 {
		select {
		case <-l.done:
		case <-time.After(time.Minute):
			t.Fatal("the workers have ended")
		}
	}
	l.f.clock.Advance(d)
	if l.seconds++; l.seconds%5 == 0 {
		l.fetch(t)
	}
}

func (l *load) fetch(t *testing.T) {
	t.Helper()
	published, err := token.ParseJWKS(l.f.Keys().JWKS())
	if err != nil {
		t.Fatal(err)
	}
	l.fetched.Store(newVerifierAt(t, published, l.f.clock.Now))
}
