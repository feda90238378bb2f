package auth

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// A Server is the token endpoint: the realm that a registry's challenge names. It answers GET and
// POST at whatever path it is mounted. It is safe for concurrent use.
type Server struct {
	config Config // checked, with its defaults
}

var _ http.Handler = (*Server)(nil)

// maxTokenBytes is the size above which a token is logged: proxies and registries limit headers to
// 8 KiB.
const maxTokenBytes = 4 << 10

// ServeHTTP answers one token request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	logger := s.config.logger()
	record := AuditRecord{Time: time.Now(), Status: http.StatusOK}
	answer := func(ctx context.Context) (any, error) {
		body, err := s.answer(ctx, w, r, &record)
		if err != nil {
			return nil, s.challenge(r, err)
		}
		return body, nil
	}
	audit := func(ctx context.Context, problem *reply.Problem) {
		if problem != nil {
			record.Status, record.Err = problem.Status, problem
		}
		record.Duration = time.Since(record.Time)
		if s.config.Audit != nil {
			s.config.Audit(ctx, record)
			return
		}
		record.Log(ctx, logger)
	}
	reply.Serve(w, r, s.config.Timeout, logger, answer, audit)
}

// challenge asks for HTTP Basic credentials in the 401 to a GET. A POST cannot answer a challenge:
// its credentials are in its body.
func (s *Server) challenge(r *http.Request, err error) *reply.Problem {
	problem := reply.From(err)
	if problem.Status == http.StatusUnauthorized && r.Method == http.MethodGet {
		problem.Challenge = "Basic realm=" + reply.Quote(s.config.BasicRealm)
	}
	return problem
}

// answer handles a request of either method: read, authenticate, authorize, issue.
func (s *Server) answer(
	ctx context.Context, w http.ResponseWriter, r *http.Request, record *AuditRecord,
) (*tokenBody, error) {
	record.RemoteAddr = s.config.RemoteAddr(r)
	req, err := parseRequest(w, r)
	record.describe(req)
	if err != nil {
		return nil, err
	}
	issuer, err := s.issuer(r.Method, req)
	if err != nil {
		return nil, err
	}
	record.describe(req) // the service may be the default now

	subject, err := s.authenticate(ctx, r, req, record)
	if err != nil {
		return nil, err
	}
	record.Subject = subject

	granted, err := s.authorize(ctx, req, subject, record)
	if err != nil {
		return nil, err
	}
	return s.issue(ctx, issuer, req, granted, record)
}

// issuer returns the issuer of the requested service. A GET may omit the service if there is only
// one.
func (s *Server) issuer(method string, req *tokenRequest) (Issuer, error) {
	onlyOne := len(s.config.Services) == 1 && s.config.InsecureAnyService == nil
	if req.service == "" && method == http.MethodGet && onlyOne {
		for name := range s.config.Services {
			req.service = name
		}
	}
	if req.service == "" {
		return nil, reply.Invalid("the parameter service is missing")
	}
	if issuer := s.config.Services[req.service]; issuer != nil {
		return issuer, nil
	}
	if s.config.InsecureAnyService != nil && acceptableService(req.service) {
		return s.config.InsecureAnyService, nil
	}
	return nil, reply.Invalid("the service is not one that this server issues tokens for")
}

// acceptableService reports whether a token may name this service, which is not configured. It
// keeps tokens at a reasonable size and free of text that no registry has as its name.
func acceptableService(name string) bool {
	const maxBytes = 255
	return len(name) <= maxBytes && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, unicode.IsControl)
}

// authorize asks for a decision about each requested scope and returns what is granted.
func (s *Server) authorize(
	ctx context.Context, req *tokenRequest, subject authn.Subject, record *AuditRecord,
) ([]scope.Scope, error) {
	scopes := scope.Merge(req.scopes)
	requests := make([]authz.Request, len(scopes))
	for i, asked := range scopes {
		asked.Actions = slices.Clone(asked.Actions) // an authorizer that changes them changes nothing
		requests[i] = authz.Request{
			Subject:    subject,
			Service:    req.service,
			Scope:      asked,
			RemoteAddr: record.RemoteAddr,
			ClientID:   req.clientID,
		}
	}
	decisions, err := authz.AuthorizeBatch(ctx, s.config.Authorizer, requests)
	if err != nil {
		return nil, reply.Unavailable("the request cannot be decided at the moment", err)
	}
	granted := make([]scope.Scope, 0, len(scopes))
	record.Decisions = make([]ScopeDecision, len(scopes))
	for i, asked := range scopes {
		allowed, decision := decide(asked, decisions[i], subject.Limit)
		record.Decisions[i] = decision
		if len(allowed.Actions) > 0 {
			granted = append(granted, allowed)
		}
	}
	return granted, nil
}

// decide returns what is granted of a scope: what was asked for, the authorizer allows, and the
// limit of the credential allows.
func decide(
	asked scope.Scope, d authz.Decision, limit *authn.Limit,
) (granted scope.Scope, record ScopeDecision) {
	if d.NoMatch {
		d = authz.Decision{Reason: "no rule matches"}
	}
	allowed := asked.Intersect(d.Actions)
	granted = limit.Allow(allowed)
	record = ScopeDecision{Asked: asked, Granted: granted.Actions, Reason: d.Reason}
	if len(granted.Actions) < len(allowed.Actions) {
		record.Reason = strings.TrimPrefix(d.Reason+", limited by the credential", ", ")
	}
	for _, action := range d.Actions {
		if !asked.Has(action) {
			record.Dropped = append(record.Dropped, action)
		}
	}
	return granted, record
}

// issue signs the token and adds a refresh token if the client asks for one.
func (s *Server) issue(
	ctx context.Context, issuer Issuer, req *tokenRequest, granted []scope.Scope,
	record *AuditRecord,
) (*tokenBody, error) {
	issued, err := issuer.Issue(ctx, token.Grant{
		Subject: record.Subject.Name, Audience: req.service, Access: granted,
	})
	if err != nil {
		return nil, reply.Unavailable("a token cannot be signed at the moment", err)
	}
	if size := len(issued.Value); size > maxTokenBytes {
		s.config.logger().LogAttrs(ctx, slog.LevelWarn,
			"the token is larger than proxies and registries may accept in a header",
			slog.Int("bytes", size), slog.String("token_id", issued.ID))
	}
	refreshToken, err := s.refreshToken(ctx, req, record)
	if err != nil {
		return nil, err
	}
	record.TokenID = issued.ID // not earlier: until here, an error keeps the token back
	return newTokenBody(req, issued, granted, refreshToken), nil
}

// tokenBody is the JSON of a granted request. Clients of the specification read token, OAuth2
// clients access_token.
type tokenBody struct {
	Token        string  `json:"token"`
	AccessToken  string  `json:"access_token"`
	ExpiresIn    int64   `json:"expires_in"`
	IssuedAt     string  `json:"issued_at"`
	TokenType    string  `json:"token_type,omitempty"`
	Scope        *string `json:"scope,omitempty"`
	RefreshToken string  `json:"refresh_token,omitempty"`
}

func newTokenBody(
	req *tokenRequest, issued token.Token, granted []scope.Scope, refreshToken authn.Secret,
) *tokenBody {
	body := &tokenBody{
		Token:        string(issued.Value),
		AccessToken:  string(issued.Value),
		ExpiresIn:    int64(issued.Lifetime / time.Second),
		IssuedAt:     issued.IssuedAt.UTC().Format(time.RFC3339),
		RefreshToken: string(refreshToken),
	}
	if req.oauth() { // RFC 6749, section 5.1; the scope even when it is empty
		text := scope.Format(granted)
		body.TokenType, body.Scope = "Bearer", &text
	}
	return body
}
