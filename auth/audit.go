package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// An AuditRecord says what a token request asked for and what became of it. It holds no secret.
// Some of its texts are the client's choice: print them quoted, as log/slog does.
type AuditRecord struct {
	Time     time.Time     // when the request came
	Duration time.Duration // until its answer was ready
	Status   int           // of the answer; 200 means that a token was issued
	// Credentials are those that the client presented: "none"; "connection" for none but a
	// connection that the authenticator knows, such as by its certificate; "basic" for a GET with
	// HTTP Basic; "password" or "refresh_token" for a POST; and "" for a request that is neither.
	Credentials string
	// Username is the name that the client presented, whether it is proved or not.
	Username string
	// Subject is the authenticated subject, or the zero value.
	Subject authn.Subject
	// Service and ClientID are as the client sent them, cut if they are very long.
	Service, ClientID string
	// RemoteAddr is the client's address, or the zero Addr when it is not known.
	RemoteAddr netip.Addr
	// Decisions has one entry for each requested resource, if there was a decision.
	Decisions []ScopeDecision
	// Malformed are the requested scopes that were left out because they cannot be read.
	Malformed []*scope.ParseError
	// TokenID is the "jti" of the issued token.
	TokenID string
	// RefreshTokenID is the ID for the revocation of the refresh token that was used or issued.
	RefreshTokenID     string
	RefreshTokenIssued bool // it is a new one
	// RefreshTokenErr is why the client got no refresh token although it asked for one and got an
	// access token: the store cannot write, or the subject cannot be confirmed later.
	RefreshTokenErr error
	// Err is why no token was issued, with causes that the client did not read, or nil.
	Err error
}

// A ScopeDecision says what was asked for on one resource, what was granted, and why.
type ScopeDecision struct {
	Asked   scope.Scope
	Granted []string
	// Reason is the authorizer's. If the limit of the credential removed an action, it says so.
	Reason string
	// Dropped are actions that the authorizer granted although nobody asked for them. That is a
	// mistake of the authorizer, and without effect.
	Dropped []string
}

// Log writes the record as a [Config] without Audit does: a line "token request" of the record's
// level, with the record as "request".
func (a AuditRecord) Log(ctx context.Context, logger *slog.Logger) {
	logger.LogAttrs(ctx, a.Level(), "token request", slog.Any("request", a))
}

// Level says how serious the record is: an error when something on our side is broken, a warning
// for a refusal, a missing refresh token, and an authorizer that grants more than was asked for.
func (a AuditRecord) Level() slog.Level {
	level := reply.Level(a.Status)
	if a.RefreshTokenErr != nil || len(a.dropped()) > 0 {
		level = max(level, slog.LevelWarn)
	}
	return level
}

// LogValue implements [slog.LogValuer]. Empty fields are left out, and texts with invisible
// characters are quoted.
func (a AuditRecord) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs, slog.Int("status", a.Status), slog.Duration("duration", a.Duration))
	attrs = reply.Text(attrs, "credentials", a.Credentials)
	attrs = reply.Text(attrs, "subject", a.Subject.Name)
	if !a.Subject.Anonymous() {
		attrs = reply.Text(attrs, "kind", a.Subject.Kind.String())
	}
	if a.Username != a.Subject.Name {
		attrs = reply.Text(attrs, "username", a.Username)
	}
	attrs = reply.Text(attrs, "service", a.Service)
	attrs = reply.Text(attrs, "client_id", a.ClientID)
	attrs = reply.Text(attrs, "token_id", a.TokenID)
	attrs = reply.Text(attrs, "refresh_token_id", a.RefreshTokenID)
	if a.RefreshTokenIssued {
		attrs = append(attrs, slog.Bool("refresh_token_issued", true))
	}
	if a.RefreshTokenErr != nil {
		attrs = reply.Text(attrs, "refresh_token_error", a.RefreshTokenErr.Error())
	}
	if len(a.Decisions) > 0 {
		attrs = append(attrs, slog.Any("decisions", logDecisions(a.Decisions)))
	}
	if dropped := a.dropped(); len(dropped) > 0 {
		attrs = append(attrs, slog.Any("dropped", dropped))
	}
	if len(a.Malformed) > 0 {
		attrs = append(attrs, slog.Any("malformed", logMalformed(a.Malformed)))
	}
	return reply.Group(attrs, a.RemoteAddr, a.Err)
}

// loggedDecision is a decision in the log: short, and the same in text and JSON.
type loggedDecision struct {
	Asked   string   `json:"asked"`
	Granted []string `json:"granted"`
	Reason  string   `json:"reason,omitempty"`
}

func logDecisions(decisions []ScopeDecision) []loggedDecision {
	logged := make([]loggedDecision, len(decisions))
	for i, d := range decisions {
		logged[i] = loggedDecision{d.Asked.String(), d.Granted, reply.Visible(d.Reason)}
	}
	return logged
}

// dropped lists what the authorizer granted although nobody asked for it, as scopes.
func (a *AuditRecord) dropped() (scopes []string) {
	for _, d := range a.Decisions {
		if len(d.Dropped) > 0 {
			s := scope.Scope{Type: d.Asked.Type, Name: d.Asked.Name, Actions: d.Dropped}
			scopes = append(scopes, reply.Visible(s.String()))
		}
	}
	return scopes
}

// logMalformed lists the first malformed scopes and counts the others: a client can send many.
func logMalformed(malformed []*scope.ParseError) (logged []string) {
	const most = 5
	for i, m := range malformed {
		if i == most {
			return append(logged, fmt.Sprintf("and %d more", len(malformed)-most))
		}
		logged = append(logged, m.Error())
	}
	return logged
}
