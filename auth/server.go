package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// A Server is the token endpoint: the realm that a registry's challenge names. It answers GET and POST at whatever path it is
// mounted. It is safe for concurrent use.
type Server struct {
	cfg Config // complete and checked
}

var _ http.Handler = (*Server)(nil)

// maxTokenBytes is where a token becomes too large for comfort: proxies and registries limit headers to 8 KiB.
const maxTokenBytes = 4 << 10

// ServeHTTP answers one token request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	ctx := newDeadline(r.Context(), started.Add(s.cfg.Timeout))
	defer ctx.end()

	boundBody(w, r, ctx.at)

	record := AuditRecord{Time: started, Status: http.StatusOK}
	granted, err := s.answerSafely(ctx, w, r, &record)
	if err != nil {
		record.refuse(err)
	}
	record.Duration = time.Since(started)
	// Before the answer, so that no token leaves without its record; and with a context that a timeout does not end, so that
	// the record of a timeout arrives.
	if err := s.auditSafely(context.WithoutCancel(ctx), &record); err != nil {
		record.refuse(err)
	}
	if record.Err != nil {
		asProblem(record.Err).write(w, s.cfg.Realm)
		return
	}
	granted.write(w)
}

// boundBody keeps a client that sends a body drop by drop, or announces one and sends none, from keeping its connection: package
// net/http reads the body of every request, also of one whose answer does not need it. The server sets the deadline anew for the
// connection's next request. Where a wrapped ResponseWriter cannot do it, http.Server.ReadTimeout is what is left.
func boundBody(w http.ResponseWriter, r *http.Request, deadline time.Time) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(deadline)
	}
}

// answerSafely is answer, with a panic of an authenticator or an authorizer made an error: it costs this request a 500, and
// nothing else.
func (s *Server) answerSafely(ctx context.Context, w http.ResponseWriter, r *http.Request, record *AuditRecord) (granted answer, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			granted, err = answer{}, s.panicked(ctx, cause)
		}
	}()
	return s.answer(ctx, w, r, record)
}

// auditSafely is audit, with a panic of the hook made an error.
func (s *Server) auditSafely(ctx context.Context, record *AuditRecord) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = s.panicked(ctx, cause)
		}
	}()
	s.audit(ctx, record)
	return nil
}

// panicked logs a panic with its stack, which is still there while the panic is recovered from.
func (s *Server) panicked(ctx context.Context, cause any) error {
	s.cfg.logger().LogAttrs(ctx, slog.LevelError, "panic while answering a token request",
		slog.String("panic", visible(fmt.Sprint(cause))), slog.String("stack", string(debug.Stack())))
	return internalError(fmt.Errorf("panic: %v", cause))
}

// answer is the way of every request, whatever its form: read, authenticate, authorize, issue.
func (s *Server) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, record *AuditRecord) (answer, error) {
	record.RemoteAddr = s.cfg.RemoteAddr(r)
	req, err := parseRequest(w, r)
	record.describe(req)
	if err != nil {
		return answer{}, err
	}
	issuer, err := s.issuer(r.Method, req)
	if err != nil {
		return answer{}, err
	}
	record.describe(req) // the service may be the default now

	subject, err := s.authenticate(ctx, r, req, record)
	if err != nil {
		return answer{}, err
	}
	record.Subject = subject

	granted, err := s.authorize(ctx, req, subject, record)
	if err != nil {
		return answer{}, err
	}
	return s.issue(ctx, issuer, req, subject, granted, record)
}

// issuer finds the issuer of the requested service. A GET may leave the service out when there is just one.
func (s *Server) issuer(method string, req *tokenRequest) (*token.Issuer, error) {
	onlyOne := len(s.cfg.Services) == 1 && s.cfg.InsecureAnyService == nil
	if req.service == "" && method == http.MethodGet && onlyOne {
		for name := range s.cfg.Services {
			req.service = name
		}
	}
	if req.service == "" {
		return nil, invalidRequest("the parameter service is missing")
	}
	issuer := s.cfg.Services[req.service]
	if issuer == nil && acceptableService(req.service) {
		issuer = s.cfg.InsecureAnyService
	}
	if issuer == nil {
		return nil, invalidRequest("the service is not one that this server issues tokens for")
	}
	return issuer, nil
}

// maxServiceBytes is the length of the longest service that is issued for without being configured.
const maxServiceBytes = 255

// acceptableService keeps what no registry is called out of tokens, and tokens at a reasonable size.
func acceptableService(name string) bool {
	return len(name) <= maxServiceBytes && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// authorize asks for decisions about all requested scopes and returns what is granted, which is never more than was asked.
func (s *Server) authorize(ctx context.Context, req *tokenRequest, subject authn.Subject, record *AuditRecord) ([]scope.Scope, error) {
	scopes := req.scopes
	if len(scopes) > 1 {
		scopes = scope.Merge(scopes) // not before it is known who asks, and that the service is ours
	}
	requests := make([]authz.Request, len(scopes))
	for i, asked := range scopes {
		requests[i] = authz.Request{
			Subject:    subject,
			Service:    req.service,
			Scope:      scope.Scope{Type: asked.Type, Name: asked.Name, Actions: slices.Clone(asked.Actions)},
			RemoteAddr: record.RemoteAddr,
			ClientID:   req.clientID,
		}
	}
	decisions, err := authz.AuthorizeBatch(ctx, s.cfg.Authorizer, requests)
	if err != nil {
		return nil, unavailable("the request cannot be decided at the moment", err)
	}
	granted := make([]scope.Scope, 0, len(decisions))
	record.Decisions = make([]ScopeDecision, 0, len(decisions))
	for i, asked := range scopes {
		d := decisions[i]
		if d.NoMatch {
			d = authz.Decision{Reason: "no rule matches"}
		}
		allowed := asked.Intersect(d.Actions)
		if len(allowed.Actions) > 0 {
			granted = append(granted, allowed)
		}
		record.Decisions = append(record.Decisions, ScopeDecision{
			Asked: asked, Granted: allowed.Actions, Reason: d.Reason, Dropped: beyond(d.Actions, asked),
		})
	}
	return granted, nil
}

// beyond returns the actions that were not asked for, or nil.
func beyond(actions []string, asked scope.Scope) []string {
	var dropped []string
	for _, action := range actions {
		if !asked.Has(action) {
			dropped = append(dropped, action)
		}
	}
	return dropped
}

// issue signs the token, and adds a refresh token where one is asked for.
func (s *Server) issue(ctx context.Context, issuer *token.Issuer, req *tokenRequest, subject authn.Subject, granted []scope.Scope, record *AuditRecord) (answer, error) {
	issued, err := issuer.Issue(ctx, token.Grant{
		Subject: subject.Name, Audience: req.service, Access: granted, RemoteAddr: record.RemoteAddr,
	})
	if err != nil {
		return answer{}, unavailable("a token cannot be signed at the moment", err)
	}
	if size := len(issued.Value); size > maxTokenBytes {
		s.cfg.logger().LogAttrs(ctx, slog.LevelWarn, "the token is larger than proxies and registries may accept in a header",
			slog.Int("bytes", size), slog.String("token_id", issued.ID))
	}
	refreshToken, err := s.refreshToken(ctx, req, subject, record)
	if err != nil {
		return answer{}, err
	}
	record.TokenID, record.TokenShared = issued.ID, issued.Shared // now that nothing keeps it from being given out
	return answer{
		token:        string(issued.Value),
		issuedAt:     issued.IssuedAt,
		lifetime:     issued.Lifetime,
		granted:      granted,
		refreshToken: refreshToken,
		oauth:        req.grant == GrantPassword || req.grant == GrantRefreshToken,
	}, nil
}
