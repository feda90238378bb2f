package serve

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/server/internal/section"
)

// An Assembly is a configuration whose parts are put together.
type Assembly struct {
	*section.Config

	Policy section.Policy

	settings auth.Config
	waits    bool // some requests wait for others, such as a program
}

const (
	// minRequestTimeout is enough for a request that waits for nobody else.
	minRequestTimeout = 10 * time.Second
	// ownTime is what a request may take itself, with a password check and the answer.
	ownTime = 5 * time.Second
)

// Load reads a configuration for a command that does not serve.
func Load(path string, getenv func(string) string) (*Assembly, error) {
	site := new(section.Keeper).NewSite(slog.New(slog.DiscardHandler), http.NotFoundHandler())
	cfg, err := section.Load(path, getenv, site)
	if err != nil {
		return nil, err
	}
	return assemble(cfg), nil
}

// assemble puts the parts together. It alone reads their fields.
func assemble(cfg *section.Config) *Assembly {
	a := &Assembly{Config: cfg}
	var authenticators []authn.Authenticator
	var authorizers []authz.Authorizer
	for _, part := range cfg.Parts {
		if part.Authenticator != nil {
			authenticators = append(authenticators, part.Authenticator)
		}
		if part.Authorizer != nil {
			authorizers = append(authorizers, part.Authorizer)
		}
	}
	a.settings = auth.Config{
		Authenticator: authn.Chain(authenticators...),
		Authorizer:    authz.First(authorizers...),
		Timeout:       ownTime,
		RemoteAddr:    remoteAddr(cfg.Server.RealIP),
	}
	for _, part := range cfg.Parts {
		if part.Config != nil {
			part.Config(&a.settings)
		}
	}
	a.waits = a.settings.Timeout > ownTime
	a.settings.Timeout = max(a.settings.Timeout, minRequestTimeout)
	a.Policy = section.Policy{Authorizer: a.settings.Authorizer, Subject: a.subject}
	return a
}

// subject implements the function of [section.Policy]. The first part that knows the name counts.
func (a *Assembly) subject(ctx context.Context, name string) (authn.Subject, error) {
	if name == "" {
		if !a.Users.AnonymousAllowed {
			return authn.Subject{}, authn.ErrRejected
		}
		return authn.Subject{Labels: a.Users.AnonymousLabels}, nil
	}
	unknown := authn.ErrNoMatch
	for _, part := range a.Parts {
		directory, ok := part.Authenticator.(authn.Directory)
		switch {
		case part.Authenticator == nil:
			continue
		case !ok:
			unknown = authn.ErrNoLookup
			continue
		}
		subject, err := directory.Lookup(ctx, name)
		switch {
		case errors.Is(err, authn.ErrNoLookup):
			unknown = authn.ErrNoLookup
		case !errors.Is(err, authn.ErrNoMatch):
			return subject, err
		}
	}
	return authn.Subject{}, unknown
}

// accept asks each part about the whole.
func (a *Assembly) accept(ctx context.Context) error {
	for _, part := range a.Parts {
		if part.Accept == nil {
			continue
		}
		if err := part.Accept(ctx, a.Policy); err != nil {
			return err
		}
	}
	return nil
}

// Explain says in lines what is granted and why: each part that authorizes does, until one decides.
func (a *Assembly) Explain(ctx context.Context, r authz.Request) (string, error) {
	var b strings.Builder
	for _, part := range a.Parts {
		if part.Explain == nil {
			continue
		}
		text, decided, err := part.Explain(ctx, r)
		b.WriteString(text)
		if err != nil || decided {
			return b.String(), err
		}
	}
	return b.String(), nil
}

// Summary is how many of what there is, such as "3 users, 12 rules, 2 tests".
func (a *Assembly) Summary() string {
	var counts []string
	for _, c := range a.counts() {
		counts = append(counts, fmt.Sprintf("%d %s", c.Number, c.Name))
	}
	return strings.Join(counts, ", ")
}

func (a *Assembly) counts() []section.Count {
	var counts []section.Count
	for _, part := range a.Parts {
		if part.Count.Name != "" {
			counts = append(counts, part.Count)
		}
	}
	return counts
}

// problems says what is wrong with which parts, or is empty.
func (a *Assembly) problems() string {
	var b strings.Builder
	for _, part := range a.Parts {
		if part.Check == nil {
			continue
		}
		if err := part.Check(); err != nil {
			b.WriteString(", " + err.Error())
		}
	}
	return b.String()
}

// handlers are those with an address of their own, by the names of their parts.
func (a *Assembly) handlers() iter.Seq2[string, *section.Handler] {
	return func(yield func(string, *section.Handler) bool) {
		for _, part := range a.Parts {
			if part.Handler != nil && !yield(part.Name, part.Handler) {
				return
			}
		}
	}
}

// collect sends the metrics of all parts.
func (a *Assembly) collect(metrics chan<- prometheus.Metric) {
	for _, c := range a.counts() {
		if c.Help != "" {
			desc := prometheus.NewDesc(namespace+"_"+c.Name, c.Help, nil, nil)
			metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(c.Number))
		}
	}
	for _, part := range a.Parts {
		for _, each := range part.Metrics {
			each.Collect(metrics)
		}
	}
}
