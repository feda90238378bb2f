package section_test

import (
	"errors"
	"log/slog"
	"net/http"
	"testing"

	"github.com/berthpass/registry-auth/examples/server/internal/section"
)

// pool is something that is opened and closed.
type pool struct{ closed int }

func (p *pool) Close() error {
	p.closed++
	return nil
}

// TestHold: what loads hold under one key is opened once, and closed after the last of them.
func TestHold(t *testing.T) {
	keeper := new(section.Keeper)
	newSite := func() *section.Site {
		return keeper.NewSite(slog.New(slog.DiscardHandler), http.NotFoundHandler())
	}
	hold := func(s *section.Site, key string) *pool {
		p, err := section.Hold(s, key, func() (*pool, error) { return &pool{}, nil })
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first, second, third := newSite(), newSite(), newSite()
	shared := hold(first, "a")
	alone := hold(first, "b")
	if hold(first, "a") != shared || hold(second, "a") != shared {
		t.Error("it was opened again")
	}
	first.Release()
	first.Release()
	if shared.closed != 0 || alone.closed != 1 {
		t.Errorf("closed %d and %d times, want 0 and 1", shared.closed, alone.closed)
	}
	second.Release()
	if shared.closed != 1 {
		t.Errorf("closed %d times after the last load", shared.closed)
	}
	if hold(third, "a") == shared {
		t.Error("what is closed is held again")
	}
	broken := errors.New("broken")
	open := func() (*pool, error) { return nil, broken }
	if _, err := section.Hold(third, "c", open); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	third.Release() // without what was not opened
}
