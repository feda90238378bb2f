package refreshfile_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/berthpass/registry-auth/token"
)

// parallel runs work in 64 goroutines and reports how often a second, as a server with 64 connections would.
func parallel(b *testing.B, work func(i int)) {
	b.Helper()
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for i := int(next.Add(1)); i <= b.N; i = int(next.Add(1)) {
				work(i)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

func BenchmarkIssue(b *testing.B) {
	tokens := newTokens(b, openStore(b, newPath(b)), false)
	parallel(b, func(i int) { issue(b, tokens, strconv.Itoa(i)) })
}

// BenchmarkIssueAlone is what one client waits for: a sync of the disk.
func BenchmarkIssueAlone(b *testing.B) {
	tokens := newTokens(b, openStore(b, newPath(b)), false)
	for b.Loop() {
		issue(b, tokens, "alice")
	}
}

func BenchmarkRedeem(b *testing.B) {
	tokens, texts := tenThousand(b, false)
	parallel(b, func(i int) {
		if _, err := tokens.Redeem(b.Context(), texts[i%len(texts)], service); err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkRotate is the first refresh of each token; the ones after it, within the time of grace, are cheaper.
func BenchmarkRotate(b *testing.B) {
	tokens, texts := tenThousand(b, true)
	parallel(b, func(i int) {
		if _, err := tokens.Renew(b.Context(), texts[i%len(texts)], service); err != nil {
			b.Error(err)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	path := newPath(b)
	store := openStore(b, path)
	tokens := newTokens(b, store, false)
	parallelIssue(b, tokens, make([]token.Secret, 10_000))
	b.ResetTimer()
	for b.Loop() {
		store = reopen(b, store, path)
	}
}

func tenThousand(b *testing.B, rotate bool) (*token.RefreshTokens, []token.Secret) {
	b.Helper()
	tokens, texts := newTokens(b, openStore(b, newPath(b)), rotate), make([]token.Secret, 10_000)
	parallelIssue(b, tokens, texts)
	return tokens, texts
}

func parallelIssue(b *testing.B, tokens *token.RefreshTokens, texts []token.Secret) {
	b.Helper()
	var wg sync.WaitGroup
	for worker := range 64 {
		wg.Go(func() {
			for i := worker; i < len(texts); i += 64 {
				texts[i], _ = issue(b, tokens, strconv.Itoa(i))
			}
		})
	}
	wg.Wait()
}
