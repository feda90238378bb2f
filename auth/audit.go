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

// An AuditRecord describes a token request and its outcome. It holds no secret, unless your source
// puts one in Subject.Data. The client chooses some of its texts, such as Username and Service:
// quote them in logs, as LogValue does.
type AuditRecord struct {
	Time     time.Time     // when the request arrived
	Duration time.Duration // until the answer was ready
	Status   int           // of the answer; 200 means that a token was issued
	// Credentials is the kind of the client's credentials: for a GET, "basic" for HTTP Basic, or
	// "other" for what Config.Credentials read; for a POST, "password" or "refresh_token";
	// "connection" if the authenticator recognized the connection, such as by its certificate;
	// "none"; or "" if the kind could not be determined.
	Credentials string
	// Username is the user name in the request, verified only if there is a Subject.
	Username string
	// Subject is the authenticated subject, or the zero value if there is none.
	Subject authn.Subject
	// Service is the requested service or the default, truncated if it is very long. ClientID is
	// the client's own name for itself.
	Service, ClientID string
	// RemoteAddr is the client's address, or the zero Addr when it is not known.
	RemoteAddr netip.Addr
	// Decisions has one entry for each requested resource, unless the request failed earlier.
	Decisions []ScopeDecision
	// Malformed are the requested scopes that were ignored because they are malformed.
	Malformed []*scope.ParseError
	// TokenID is the "jti" of the issued token.
	TokenID string
	// RefreshTokenID identifies the refresh token that was used or issued. Revoke it by this ID.
	RefreshTokenID     string
	RefreshTokenIssued bool // true if it was issued, false if it was used
	// RefreshTokenErr is the reason if the client asked for a refresh token but got an access token
	// only: the store failed, or the source cannot confirm what the login proved.
	RefreshTokenErr error
	// Err is the reason if no token was issued. Its causes were not sent to the client.
	Err error
}

// A ScopeDecision is the decision about one requested resource.
type ScopeDecision struct {
	Asked   scope.Scope
	Granted []string
	// Reason is the authorizer's reason, with a note if the subject's Limit removed an action.
	Reason string
	// Dropped are actions that the authorizer allowed although they were not requested. They were
	// not granted, but the authorizer has a bug.
	Dropped []string
}

// Log logs the record like a [Server] without an Audit function: with the message "token request",
// the level of Level, and the record as the attribute "request".
func (a AuditRecord) Log(ctx context.Context, logger *slog.Logger) {
	logger.LogAttrs(ctx, a.Level(), "token request", slog.Any("request", a))
}

// Level returns the level of the record in a log: error if the server or something that it needs
// failed; warning if the request was refused or its client hung up, if a refresh token is missing,
// or if the authorizer allowed unrequested actions; and info otherwise.
func (a AuditRecord) Level() slog.Level {
	level := reply.Level(a.Status, a.Err)
	if a.RefreshTokenErr != nil || len(a.dropped()) > 0 {
		level = max(level, slog.LevelWarn)
	}
	return level
}

// LogValue implements [slog.LogValuer]. It omits empty fields and quotes texts with invisible
// characters.
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

// loggedDecision is the short form of a decision in the log, the same in text and JSON.
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

// dropped returns the Dropped actions of all decisions as scopes.
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
