package jwt

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/token"
)

const (
	fetchInterval = 10 * time.Second // between two fetches, at least
	fetchTimeout  = 5 * time.Second  // shorter than the interval: fetches do not overlap
	refreshAfter  = 5 * time.Minute
	maxAge        = 24 * time.Hour // of known keys while the provider is down
	maxBody       = 1 << 20
)

// A source has the keys of one provider. Nothing locks mu during a fetch.
type source struct {
	Config

	url    string // of the keys, or of the discovery document if KeysURL is empty
	client http.Client

	mu       sync.Mutex
	verifier *token.Verifier // nil before the first keys
	fetched  time.Time       // when the keys of the verifier were fetched
	began    time.Time       // the last fetch
	done     chan struct{}   // closed at its end
	err      error           // its result
}

// verify returns an error that is not token.ErrInvalid if the key is unknown and the keys cannot be
// fetched.
func (s *source) verify(ctx context.Context, raw string) (token.Claims, error) {
	s.mu.Lock()
	verifier, age := s.verifier, time.Since(s.fetched)
	s.mu.Unlock()
	if verifier != nil && age < maxAge {
		if age >= refreshAfter {
			s.refresh(ctx)
		}
		claims, err := verifier.Verify(raw)
		if !errors.Is(err, token.ErrUnknownKey) {
			return claims, err
		}
	}
	select {
	case <-s.refresh(ctx):
	case <-ctx.Done():
		return token.Claims{}, fmt.Errorf("wait for the keys of %s: %w", s.Issuer, ctx.Err())
	}
	s.mu.Lock()
	verifier, err := s.verifier, s.err
	s.mu.Unlock()
	if err != nil {
		return token.Claims{}, err
	}
	return verifier.Verify(raw)
}

// refresh returns a channel that is closed at the end of the last fetch, which it starts if it may.
// A client that hangs up does not end the fetch, since others may wait for it.
func (s *source) refresh(ctx context.Context) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.began) >= fetchInterval {
		s.began, s.done = time.Now(), make(chan struct{})
		go s.fetch(context.WithoutCancel(ctx), s.done)
	}
	return s.done
}

func (s *source) fetch(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	verifier, err := s.download(ctx)
	if err != nil {
		err = fmt.Errorf("fetch the keys of %s: %w", s.Issuer, err)
		logger := cmp.Or(s.Logger, slog.Default())
		logger.WarnContext(ctx, "no new keys of a provider", slog.Any("error", err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = err; err == nil {
		s.verifier, s.fetched = verifier, time.Now()
	}
}

func (s *source) download(ctx context.Context) (*token.Verifier, error) {
	body, err := s.get(ctx, s.url)
	if err == nil && s.KeysURL == "" {
		var provider struct {
			Issuer  string `json:"issuer"`
			KeysURL string `json:"jwks_uri"`
		}
		if json.Unmarshal(body, &provider) != nil || provider.Issuer != s.Issuer {
			return nil, fmt.Errorf("%s is not the discovery document of the issuer", s.url)
		}
		body, err = s.get(ctx, provider.KeysURL)
	}
	if err != nil {
		return nil, err
	}
	set, err := token.ParseJWKS(body)
	if err != nil {
		return nil, err
	}
	return token.NewVerifier(token.VerifierConfig{
		Issuer: s.Issuer, Audience: s.Audience, Keys: set,
	})
}

func (s *source) get(ctx context.Context, address string) ([]byte, error) {
	if err := checkURL(address); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: status %s", request.URL.Redacted(), response.Status)
	}
	return io.ReadAll(http.MaxBytesReader(nil, response.Body, maxBody))
}

// checkURL refuses plain http but from this host: whoever can replace the keys can be anybody.
func checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	local := u.Hostname() == "localhost" || ip.IsLoopback()
	if u.Hostname() == "" || u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("keys cannot be fetched from %+q: it is no https URL", u.Redacted())
	}
	return nil
}
