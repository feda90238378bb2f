package auth_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/token"
)

// recordingIssuer remembers the last request for a token.
type recordingIssuer struct {
	*token.Issuer

	last        token.Request
	ignoresEnds bool // as an issuer that is not a token.Issuer may
}

func (i *recordingIssuer) Issue(ctx context.Context, r token.Request) (token.Token, error) {
	i.last = r
	if i.ignoresEnds {
		r.ValidUntil = time.Time{}
	}
	return i.Issuer.Issue(ctx, r)
}

func newClaimsFixture(t *testing.T, change func(*auth.Config)) (*fixture, *recordingIssuer) {
	t.Helper()
	issuer := &recordingIssuer{Issuer: newIssuer(t)}
	f := newLocalFixture(t, func(cfg *auth.Config) {
		cfg.Services = auth.ServiceMap{service: issuer}
		change(cfg)
	})
	f.issuer = issuer.Issuer
	return f, issuer
}

// The hook sees the whole outcome, by every way in.
func TestExtraClaims(t *testing.T) {
	const scopes = "repository:alice/app:delete,pull"
	f, issuer := newClaimsFixture(t, func(cfg *auth.Config) {
		cfg.ExtraClaims = func(ctx context.Context, r auth.AuditRecord) (map[string]any, error) {
			if _, ok := ctx.Deadline(); !ok {
				t.Error("the context has no deadline")
			}
			if r.Subject.Anonymous() {
				return nil, nil //nolint:nilnil // no claims
			}
			var asked, granted []string
			for _, d := range r.Decisions {
				asked, granted = append(asked, d.Asked.Actions...), append(granted, d.Granted...)
			}
			return map[string]any{"task": strings.Join([]string{
				r.Subject.Name, r.Service, strings.Join(asked, "+"), strings.Join(granted, "+"),
			}, " ")}, nil
		}
	})
	want := map[string]any{"task": "alice registry.test delete+pull pull"}
	for way, ask := range waysIn(f, f.login(), scopes) {
		ask().wantStatus(200)
		if !maps.Equal(issuer.last.Extra, want) {
			t.Errorf("%s: the claims are %v, want %v", way, issuer.last.Extra, want)
		}
	}
	f.get(form("service", service, "scope", scopes), "").wantStatus(200)
	if issuer.last.Extra != nil {
		t.Errorf("an anonymous token has the claims %v", issuer.last.Extra)
	}
}

func TestAFaultOfTheExtraClaimsCostsTheToken(t *testing.T) {
	type claims = map[string]any
	for name, test := range map[string]struct {
		claims func() (claims, error)
		status int
	}{
		"an outage":             {func() (claims, error) { return nil, errDatabaseDown }, 503},
		"an outage with claims": {func() (claims, error) { return claims{}, errDatabaseDown }, 503},
		"a panic":               {func() (claims, error) { panic("a bug in the claims") }, 500},
		"a reserved claim":      {func() (claims, error) { return claims{"sub": "admin"}, nil }, 503},
		"a reserved spelling":   {func() (claims, error) { return claims{"Access": nil}, nil }, 503},
	} {
		t.Run(name, func(t *testing.T) {
			broken := false
			f, _ := newClaimsFixture(t, func(cfg *auth.Config) {
				cfg.ExtraClaims = func(context.Context, auth.AuditRecord) (map[string]any, error) {
					if !broken {
						return nil, nil //nolint:nilnil // no claims
					}
					return test.claims()
				}
			})
			refreshToken := f.login()
			broken = true
			for way, ask := range waysIn(f, refreshToken, "") {
				r := ask().wantStatus(test.status)
				record := f.lastRecord()
				if record.Err == nil || record.TokenID != "" || r.body.RefreshToken != "" {
					t.Errorf("%s: %+v, %s", way, record, r.text)
				}
				if strings.Contains(r.text, "internal:") || strings.Contains(r.text, "sub") {
					t.Errorf("%s: the client reads the cause: %s", way, r.text)
				}
				if test.status == 503 && !strings.Contains(record.Err.Error(), "claim") {
					t.Errorf("%s: the audit does not say why: %v", way, record.Err)
				}
			}
		})
	}
}

// Whatever the source says, credentials that have ended are refused, and no token outlives them by
// more than its issuer allows.
func TestCredentialsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		source := &people{}
		f, issuer := newClaimsFixture(t, func(cfg *auth.Config) { cfg.Authenticator = source })
		issuer.ignoresEnds = true
		until := func(end time.Time) {
			source.set(authn.Subject{Name: "alice", Stamp: "1", ValidUntil: end}, nil)
		}
		until(start.Add(time.Hour))
		refreshToken := f.login()
		ways := waysIn(f, refreshToken, "")
		ways["no credentials"] = func() *reply { return f.get("service="+service, "") }
		for _, step := range []struct {
			after, end time.Duration
			status     int
		}{
			{0, time.Hour, 200},
			{time.Minute, time.Hour, 200},
			{20 * time.Minute, 20 * time.Minute, 401}, // the source has moved the end
			{30 * time.Minute, 20 * time.Minute, 401},
			{30 * time.Minute, time.Hour, 200},
			{time.Hour - 1, time.Hour, 200},
			{time.Hour, time.Hour, 401},
			{2 * time.Hour, time.Hour, 401},
		} {
			time.Sleep(time.Until(start.Add(step.after)))
			until(start.Add(step.end))
			for way, ask := range ways {
				r := ask()
				if r.StatusCode != step.status {
					t.Errorf("after %v by %s: status %d: %s", step.after, way, r.StatusCode, r.text)
				}
				if end := start.Add(step.end); !issuer.last.ValidUntil.Equal(end) &&
					step.status == 200 {
					t.Errorf(
						"%s: the token is valid until %v, want %v",
						way,
						issuer.last.ValidUntil,
						end,
					)
				}
			}
		}
		source.set(authn.Subject{}, authn.ErrNoMatch)
		f.get("service="+service, "").wantStatus(200)
		if !issuer.last.ValidUntil.IsZero() {
			t.Error("an anonymous token has an end of its own")
		}
	})
}

// Credentials that end while the request is under way are refused too.
func TestCredentialsEndDuringARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &people{subject: authn.Subject{
			Name: "alice", Stamp: "1", ValidUntil: time.Now().Add(time.Second),
		}}
		f, _ := newClaimsFixture(t, func(cfg *auth.Config) {
			cfg.Authenticator = source
			cfg.Authorizer = authz.Func(
				func(context.Context, authz.Request) (authz.Decision, error) {
					time.Sleep(time.Second)
					return authz.Decision{}, nil
				},
			)
		})
		f.get("service=registry.test&scope=repository:a:pull", "alice:x").
			wantError(401, "UNAUTHORIZED", "invalid_grant")
	})
}
