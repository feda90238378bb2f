package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// A Server is the token endpoint, whose URL is the realm of a registry's challenge. It is an
// [http.Handler] for GET and POST and ignores the path. It is safe for concurrent use.
type Server struct {
	config Config // checked, with its defaults
}

// ServeHTTP answers one token request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	logger := reply.Logger(s.config.Logger)
	record := AuditRecord{Time: time.Now(), Status: http.StatusOK}
	answer := func(r *http.Request) (any, error) {
		body, err := s.answer(w, r, &record)
		if problem := reply.From(err); problem != nil {
			if problem.Status == http.StatusUnauthorized && r.Method == http.MethodGet {
				// A POST has its credentials in the body and could not respond to a challenge.
				problem.Challenge = "Basic realm=" + reply.Quote(s.config.BasicRealm)
			}
			return nil, problem
		}
		return body, nil
	}
	audit := func(ctx context.Context, problem *reply.Problem) {
		if problem != nil {
			record.Status, record.Err = problem.Status, problem
		}
		record.Duration = time.Since(record.Time)
		record.Username, record.Service = reply.Clip(record.Username), reply.Clip(record.Service)
		if s.config.Audit != nil {
			s.config.Audit(ctx, record)
			return
		}
		record.Log(ctx, logger)
	}
	write := (*reply.Problem).Write
	if s.config.WriteError != nil {
		write = func(p *reply.Problem, w http.ResponseWriter) {
			p.SetHeaders(w)
			s.config.WriteError(w, record, p.Message)
		}
	}
	reply.Serve(w, r, s.config.Timeout, logger, answer, audit, write)
}

// answer handles a request of either method: parse, authenticate, authorize, issue.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, record *AuditRecord) (any, error) {
	record.RemoteAddr = s.config.RemoteAddr(r)
	req := &tokenRequest{record: record}
	var err error
	switch r.Method {
	case http.MethodGet:
		err = req.parseGet(r, s.config.Credentials)
	case http.MethodPost:
		err = req.parsePost(w, r)
	default:
		err = reply.MethodNotAllowed("GET, POST")
	}
	if err != nil { // the record has the parameters read so far
		return nil, err
	}
	issuer, err := s.issuer(r, record)
	if err != nil {
		return nil, err
	}
	if record.Subject, err = s.authenticate(r, req); err != nil {
		return nil, err
	}
	granted, err := s.authorize(r.Context(), req)
	if err != nil {
		return nil, err
	}
	return s.issue(r.Context(), req, issuer, granted)
}

// authorize asks for a decision about each requested scope and returns the granted ones.
func (s *Server) authorize(ctx context.Context, req *tokenRequest) ([]scope.Scope, error) {
	scopes := scope.Merge(req.scopes)
	requests := req.record.requests(scopes)
	decisions, err := authz.AuthorizeBatch(ctx, s.config.Authorizer, requests)
	if err != nil {
		return nil, reply.Unavailable("access cannot be decided at the moment", err)
	}
	return req.record.grant(scopes, decisions), nil
}

// requests returns the questions for the authorizer.
func (a *AuditRecord) requests(scopes []scope.Scope) []authz.Request {
	requests := make([]authz.Request, len(scopes))
	for i, asked := range scopes {
		asked.Actions = slices.Clone(asked.Actions) // an authorizer must not change ours
		requests[i] = authz.Request{
			Subject:    a.Subject,
			Service:    a.Service,
			Scope:      asked,
			RemoteAddr: a.RemoteAddr,
			ClientID:   a.ClientID,
		}
	}
	return requests
}

// grant records the decisions and returns the granted scopes.
func (a *AuditRecord) grant(scopes []scope.Scope, decisions []authz.Decision) []scope.Scope {
	granted := make([]scope.Scope, 0, len(scopes))
	for i, asked := range scopes {
		decision := decide(asked, decisions[i], a.Subject.Limit)
		a.Decisions = append(a.Decisions, decision)
		if asked.Actions = decision.Granted; len(asked.Actions) > 0 {
			granted = append(granted, asked)
		}
	}
	return granted
}

// decide grants the requested actions that both the authorizer and the subject's limit allow.
func decide(asked scope.Scope, d authz.Decision, limit *authn.Limit) ScopeDecision {
	if d.NoMatch {
		d = authz.Decision{Reason: "no rule matches"}
	}
	allowed := asked.Intersect(d.Actions)
	decision := ScopeDecision{Asked: asked, Granted: limit.Allow(allowed).Actions, Reason: d.Reason}
	if len(decision.Granted) < len(allowed.Actions) {
		decision.Reason = strings.TrimSpace(d.Reason + " (limited by the credential)")
	}
	for _, action := range d.Actions {
		if !asked.Has(action) {
			decision.Dropped = append(decision.Dropped, action)
		}
	}
	return decision
}

// tokenBody is the JSON of a 200. Clients that use GET read token, OAuth2 clients access_token.
type tokenBody struct {
	Token        string  `json:"token"`
	AccessToken  string  `json:"access_token"`
	ExpiresIn    int64   `json:"expires_in"`
	IssuedAt     string  `json:"issued_at"`
	TokenType    string  `json:"token_type,omitempty"`
	Scope        *string `json:"scope,omitempty"`
	RefreshToken string  `json:"refresh_token,omitempty"`
}

// issue signs the token and adds a refresh token if the client asks for one.
func (s *Server) issue(
	ctx context.Context, req *tokenRequest, issuer Issuer, granted []scope.Scope,
) (*tokenBody, error) {
	record := req.record
	issued, err := s.sign(ctx, record, issuer, granted)
	if errors.Is(err, token.ErrCredentialsExpired) { // since they were checked
		return nil, unauthorized(messageWrong, err)
	}
	if err != nil {
		return nil, reply.Unavailable("a token cannot be signed at the moment", err)
	}
	const maxBytes = 4 << 10 // proxies and registries limit all headers to 8 KiB
	if size := len(issued.Value); size > maxBytes {
		reply.Logger(s.config.Logger).LogAttrs(ctx, slog.LevelWarn,
			"the token is larger than many proxies and registries accept in a header",
			slog.Int("bytes", size), slog.String("token_id", issued.ID))
	}
	refreshToken, err := s.refreshToken(ctx, req)
	if err != nil {
		return nil, err
	}
	record.TokenID = issued.ID // last, since after an error no token is sent
	body := &tokenBody{
		Token:        string(issued.Value),
		AccessToken:  string(issued.Value),
		ExpiresIn:    int64(issued.Lifetime / time.Second),
		IssuedAt:     issued.IssuedAt.UTC().Format(time.RFC3339),
		RefreshToken: string(refreshToken),
	}
	if req.oauth { // RFC 6749, section 5.1; the scope even when it is empty
		text := scope.Format(granted)
		body.TokenType, body.Scope = "Bearer", &text
	}
	return body, nil
}

// sign returns the access token, with the extra claims.
func (s *Server) sign(
	ctx context.Context, record *AuditRecord, issuer Issuer, granted []scope.Scope,
) (issued token.Token, err error) {
	var extra map[string]any
	if s.config.ExtraClaims != nil {
		if extra, err = s.config.ExtraClaims(ctx, *record); err != nil {
			return token.Token{}, fmt.Errorf("extra claims: %w", err)
		}
	}
	issued, err = issuer.Issue(ctx, token.Request{
		Subject: record.Subject.Name, Audience: record.Service, Access: granted,
		Extra: extra, ValidUntil: record.Subject.ValidUntil,
	})
	if err == nil && issued.Value == "" {
		err = errors.New("the issuer returned an empty token")
	}
	return issued, err
}
