package auth

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// An AuditRecord says what a token request asked for and what became of it. It holds no secret. Texts in it that a client has
// chosen are untrusted: print them quoted, as log/slog does.
type AuditRecord struct {
	// Time is when the request came, Duration the work until its answer was ready.
	Time     time.Time
	Duration time.Duration
	// Status is the HTTP status of the answer; 200 means that a token was issued.
	Status int
	// Grant is how the token was asked for: GrantBasic, GrantPassword and so on, or empty for a request of no known form.
	Grant string
	// Username is the name that the client presented, which nobody need have proved.
	Username string
	// Subject is who was authenticated. It is the zero value for the anonymous subject, and when authentication failed.
	Subject authn.Subject
	// Service and ClientID are as the client sent them. A text of the client's that is very long is cut.
	Service  string
	ClientID string
	// RemoteAddr is the client's address, or the zero Addr when it is not known.
	RemoteAddr netip.Addr
	// Decisions has one entry for each resource that was asked for, if it came to a decision.
	Decisions []ScopeDecision
	// Malformed are the scopes that were left out because they cannot be read.
	Malformed []*scope.ParseError
	// TokenID is the "jti" of the issued token.
	TokenID string
	// TokenShared says that the token was made for an earlier request, whose record has the same TokenID: see
	// [token.IssuerConfig.ShareFor].
	TokenShared bool
	// RefreshTokenID names the refresh token that was used or given out, for the one who has to revoke it.
	RefreshTokenID string
	// RefreshTokenIssued says that the refresh token is a new one.
	RefreshTokenIssued bool
	// Err is why no token was issued, with causes that the client was not told. It is nil for Status 200.
	Err error
}

// A ScopeDecision is what was asked about one resource, what was granted, and why.
type ScopeDecision struct {
	Asked   scope.Scope
	Granted []string
	Reason  string
	// Dropped are actions that the authorizer granted and nobody asked for: a mistake of the authorizer's, which got nobody
	// anything.
	Dropped []string
}

// describe notes what a request asks for.
func (a *AuditRecord) describe(req *tokenRequest) {
	a.Grant, a.Username = req.grant, clip(req.username)
	a.Service, a.ClientID = clip(req.service), req.clientID
	a.Malformed = req.malformed
}

// refuse notes why there is no token.
func (a *AuditRecord) refuse(err error) {
	refused := asProblem(err)
	a.Status, a.Err = refused.status, refused
}

// clip bounds what a client can write to the log with one request.
func clip(s string) string {
	const most = 255
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…" // not half a character
}

// visible returns a text for the log, quoted if it has what terminals obey and people do not see. Of that, slog's JSON escapes no
// more than JSON must: DEL, the controls from U+0080 on and those of the direction of writing would stay as they are.
func visible(s string) string {
	if isPlain(s) {
		return s
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.QuoteToASCII(s)
	}
	return s
}

// isPlain reports whether there is nothing but letters, digits and other signs of ASCII, as there mostly is.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// LogValue implements [slog.LogValuer]. Empty fields are left out, and texts with characters that cannot be seen are quoted.
func (a AuditRecord) LogValue() slog.Value {
	const usual = 10 // of those below
	attrs := make([]slog.Attr, 0, usual)
	attrs = append(attrs, slog.Int("status", a.Status), slog.Duration("duration", a.Duration))
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, visible(value)))
		}
	}
	text("grant", a.Grant)
	text("subject", a.Subject.Name)
	if !a.Subject.Anonymous() {
		text("kind", a.Subject.Kind.String())
	}
	if a.Username != a.Subject.Name {
		text("username", a.Username)
	}
	text("service", a.Service)
	text("client_id", a.ClientID)
	if a.RemoteAddr.IsValid() {
		text("remote_addr", a.RemoteAddr.String())
	}
	text("token_id", a.TokenID)
	if a.TokenShared {
		attrs = append(attrs, slog.Bool("token_shared", true))
	}
	text("refresh_token_id", a.RefreshTokenID)
	if a.RefreshTokenIssued {
		attrs = append(attrs, slog.Bool("refresh_token_issued", true))
	}
	if len(a.Decisions) > 0 {
		attrs = append(attrs, slog.Any("decisions", decisionLog(a.Decisions)))
	}
	if dropped := a.dropped(); len(dropped) > 0 {
		attrs = append(attrs, slog.Any("dropped", dropped))
	}
	if len(a.Malformed) > 0 {
		attrs = append(attrs, slog.Any("malformed", malformedLog(a.Malformed)))
	}
	if a.Err != nil {
		text("error", a.Err.Error())
	}
	return slog.GroupValue(attrs...)
}

// loggedDecision is a decision's form in the log: short, and the same in text and JSON.
type loggedDecision struct {
	Asked   string   `json:"asked"`
	Granted []string `json:"granted"`
	Reason  string   `json:"reason,omitempty"`
}

// loggedDecisions are written to a text log as fmt writes a slice of structs, without looking for what they are made of, which takes a
// tenth of the time of a line.
type loggedDecisions []loggedDecision

// Format implements [fmt.Formatter].
func (l loggedDecisions) Format(w fmt.State, verb rune) {
	if verb != 'v' || w.Flag('#') {
		_, _ = fmt.Fprintf(w, fmt.FormatString(w, verb), []loggedDecision(l))
		return
	}
	text := func(parts ...string) {
		for _, part := range parts {
			_, _ = io.WriteString(w, part) // never fails
		}
	}
	text("[")
	for i, d := range l {
		if i > 0 {
			text(" ")
		}
		text("{Asked:", d.Asked, " Granted:[")
		for i, action := range d.Granted {
			if i > 0 {
				text(" ")
			}
			text(action)
		}
		text("] Reason:", d.Reason, "}")
	}
	text("]")
}

func decisionLog(decisions []ScopeDecision) loggedDecisions {
	logged := make(loggedDecisions, len(decisions))
	for i, d := range decisions {
		logged[i] = loggedDecision{Asked: d.Asked.String(), Granted: d.Granted, Reason: visible(d.Reason)}
	}
	return logged
}

// dropped lists what was granted and not asked for, as scopes.
func (a *AuditRecord) dropped() []string {
	var scopes []string
	for _, d := range a.Decisions {
		if len(d.Dropped) > 0 {
			scopes = append(scopes, visible(scope.Scope{Type: d.Asked.Type, Name: d.Asked.Name, Actions: d.Dropped}.String()))
		}
	}
	return scopes
}

// malformedLog names the first malformed scopes and counts the others: a client can send many.
func malformedLog(malformed []*scope.ParseError) []string {
	const most = 5
	logged := make([]string, 0, most+1)
	for i, m := range malformed {
		if i == most {
			return append(logged, fmt.Sprintf("and %d more", len(malformed)-most))
		}
		logged = append(logged, m.Error())
	}
	return logged
}

func (s *Server) audit(ctx context.Context, record *AuditRecord) {
	if s.cfg.Audit != nil {
		s.cfg.Audit(ctx, *record)
		return
	}
	record.Log(ctx, s.cfg.logger())
}

// Log writes the record as it is written when [Config] has no Audit: a line "token request" of the record's level, with the record
// as "request" and the time when the answer was ready, Time plus Duration. It has no place in the source, which would be this one.
func (a *AuditRecord) Log(ctx context.Context, logger *slog.Logger) {
	handler, level := logger.Handler(), a.Level()
	if !handler.Enabled(ctx, level) {
		return
	}
	line := slog.NewRecord(a.Time.Add(a.Duration), level, "token request", 0)
	line.AddAttrs(slog.Any("request", a))
	_ = handler.Handle(ctx, line) // as slog.Logger has it: there is nobody to tell
}

// Level says how serious the record is: an error when something of ours is broken, a warning for a refusal, and for an authorizer that
// granted what nobody had asked for.
func (a AuditRecord) Level() slog.Level {
	level := auditLevel(a.Status)
	if len(a.dropped()) > 0 {
		level = max(level, slog.LevelWarn)
	}
	return level
}

func auditLevel(status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case status >= http.StatusBadRequest:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}
