package token_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

func renew(t *testing.T, tokens *token.RefreshTokens, text token.Secret) token.Secret {
	t.Helper()
	if _, err := tokens.Redeem(t.Context(), text, aliceGrant.Service); err != nil {
		t.Fatalf("redeem: %v", err)
	}
	renewed, err := tokens.Renew(t.Context(), text, aliceGrant.Service)
	if err != nil {
		t.Fatalf("renew: %v", err)
	}
	return renewed
}

func TestWithoutRotationATokenIsRenewedByItself(t *testing.T) {
	clock := newClock()
	tokens := newRefreshTokens(t, token.RefreshConfig{Now: clock.Now})
	text, _ := issueRefresh(t, tokens, aliceGrant)
	for range 3 {
		clock.Advance(time.Hour)
		if renew(t, tokens, text) != text {
			t.Error("another token")
		}
	}
}

func TestRotation(t *testing.T) {
	clock := newClock()
	tokens := newRefreshTokens(t, token.RefreshConfig{Rotate: true, Now: clock.Now})
	text, issued := issueRefresh(t, tokens, aliceGrant)
	seen := map[token.Secret]bool{text: true}
	for range 5 {
		clock.Advance(time.Hour)
		next := renew(t, tokens, text)
		if seen[next] {
			t.Fatal("a token that was there before")
		}
		seen[next] = true
		if again := renew(t, tokens, text); again != next { // the answer was lost
			t.Error("within the time of grace a token has two successors")
		}
		if again := renew(t, tokens, next); again != next {
			t.Error("a token is replaced within the time of grace")
		}
		text = next
	}
	list, err := tokens.List(t.Context(), token.RefreshFilter{ID: issued.ID})
	if err != nil || len(list) != 1 || list[0].ExpiresAt != issued.ExpiresAt {
		t.Errorf("the family is %+v, %v", list, err)
	}
	clock.Set(issued.ExpiresAt)
	if _, err := tokens.Redeem(t.Context(), text, aliceGrant.Service); !errors.Is(err, token.ErrRefreshInvalid) {
		t.Errorf("after the end of the first token: %v", err)
	}
}

// Whoever comes second with a stolen token, thief or owner, ends it for both.
func TestReuseRevokesTheFamily(t *testing.T) {
	for name, generations := range map[string]int{"of the token before": 1, "of one long before": 3} {
		t.Run(name, func(t *testing.T) {
			clock := newClock()
			tokens := newRefreshTokens(t, token.RefreshConfig{Rotate: true, Now: clock.Now})
			stolen, record := issueRefresh(t, tokens, aliceGrant)
			other, _ := issueRefresh(t, tokens, aliceGrant)
			current := stolen
			for range generations {
				clock.Advance(token.DefaultRefreshGrace)
				current = renew(t, tokens, current)
			}
			clock.Advance(token.DefaultRefreshGrace)
			_, err := tokens.Redeem(t.Context(), stolen, aliceGrant.Service)
			if !errors.Is(err, token.ErrRefreshReused) || !strings.Contains(err.Error(), record.ID) || !strings.Contains(err.Error(), "alice") {
				t.Errorf("reuse: %v", err)
			}
			for _, text := range []token.Secret{current, stolen} {
				if _, err := tokens.Redeem(t.Context(), text, aliceGrant.Service); !errors.Is(err, token.ErrRefreshInvalid) {
					t.Errorf("after the reuse: %v", err)
				}
				if _, err := tokens.Renew(t.Context(), text, aliceGrant.Service); !errors.Is(err, token.ErrRefreshInvalid) {
					t.Errorf("after the reuse: %v", err)
				}
			}
			renew(t, tokens, other)
		})
	}
}

func TestAHundredRefreshesAtOnceYieldOneSuccessor(t *testing.T) {
	tokens := newRefreshTokens(t, token.RefreshConfig{Rotate: true})
	text, _ := issueRefresh(t, tokens, aliceGrant)
	results := make([]token.Secret, 100)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i] = renew(t, tokens, text) })
	}
	wg.Wait()
	for _, got := range results {
		if got != results[0] || got == text {
			t.Fatal("the family has branched, or the token was not replaced")
		}
	}
	renew(t, tokens, results[0])
}

func TestRenewNoticesARevocation(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		tokens := newRefreshTokens(t, token.RefreshConfig{Rotate: rotate})
		text, record := issueRefresh(t, tokens, aliceGrant)
		if _, err := tokens.Redeem(t.Context(), text, aliceGrant.Service); err != nil {
			t.Fatal(err)
		}
		if _, err := tokens.Revoke(t.Context(), token.RefreshFilter{ID: record.ID}); err != nil {
			t.Fatal(err)
		}
		if renewed, err := tokens.Renew(t.Context(), text, aliceGrant.Service); renewed != "" || !errors.Is(err, token.ErrRefreshInvalid) {
			t.Errorf("rotate %v: %v", rotate, err)
		}
	}
}

// An operator may change the mind: what was rotated stays good, and replaced tokens stay revoked.
func TestRotationIsSwitchedOff(t *testing.T) {
	clock, store, key := newClock(), token.NewRefreshMemory(), make([]byte, 32)
	on := newRefreshTokens(t, token.RefreshConfig{Store: store, Key: key, Rotate: true, Now: clock.Now})
	off := newRefreshTokens(t, token.RefreshConfig{Store: store, Key: key, Now: clock.Now})
	first, _ := issueRefresh(t, on, aliceGrant)
	second := renew(t, on, first)
	if renew(t, off, first) != first {
		t.Error("another token for the previous one")
	}
	clock.Advance(time.Hour)
	if renew(t, off, second) != second {
		t.Error("another token for the current one")
	}
	if _, err := off.Redeem(t.Context(), first, aliceGrant.Service); !errors.Is(err, token.ErrRefreshReused) {
		t.Errorf("reuse: %v", err)
	}
}
