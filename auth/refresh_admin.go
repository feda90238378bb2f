package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token"
)

// RefreshAdminConfig configures [NewRefreshAdmin].
type RefreshAdminConfig struct {
	// Tokens are the refresh tokens of the [Server]. Required.
	Tokens *token.RefreshTokens
	// Allow finds out who asks and whether they may, for every request, and returns the name for the audit; beside an error it
	// may be empty. An error that is [authn.ErrNoMatch] or [authn.ErrRejected] is answered with 403, any other with 503. It is
	// called concurrently. Required: there is no handler without protection.
	Allow func(r *http.Request) (name string, err error)
	// RemoteAddr finds the client's address for the audit. The default is the address of the connection's peer.
	RemoteAddr func(r *http.Request) netip.Addr
	// Logger receives the audit unless Audit is set. The default is slog.Default(), looked up at each use.
	Logger *slog.Logger
	// Audit receives one record for each request, before the answer is sent. It is called concurrently.
	Audit func(ctx context.Context, record RefreshAdminRecord)
}

// A RefreshAdminRecord says what somebody did, or wanted to do, with refresh tokens. It holds no secret.
type RefreshAdminRecord struct {
	Time time.Time
	// Method is GET for a list, and DELETE for a revocation. Any other is clipped and was refused.
	Method string
	// By is the name that Allow returned. With Status 403 or 503 nobody need have proved it.
	By string
	// RemoteAddr is the client's address, or the zero Addr when it is not known.
	RemoteAddr netip.Addr
	// Filter selects what was listed or revoked.
	Filter token.RefreshFilter
	// Count is how many tokens were listed or revoked.
	Count int
	// Status is the HTTP status of the answer.
	Status int
	// Err is why nothing was done, with causes that the client was not told. It is nil for Status 200.
	Err error
}

// LogValue implements [slog.LogValuer]. Empty fields are left out.
func (a RefreshAdminRecord) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Int("status", a.Status), slog.Int("count", a.Count)}
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, visible(value)))
		}
	}
	text("method", a.Method)
	text("by", a.By)
	text("id", a.Filter.ID)
	text("subject", a.Filter.Subject)
	text("kind", a.Filter.SubjectKind)
	text("service", a.Filter.Service)
	if a.Filter.All {
		attrs = append(attrs, slog.Bool("all", true))
	}
	if a.RemoteAddr.IsValid() {
		text("remote_addr", a.RemoteAddr.String())
	}
	if a.Err != nil {
		text("error", a.Err.Error())
	}
	return slog.GroupValue(attrs...)
}

// NewRefreshAdmin returns a handler that lists and revokes refresh tokens, for the programs and people that Allow lets through:
//
//	GET    ?subject=alice                 the tokens of alice, without the tokens themselves
//	DELETE ?id=K3T…                       revokes one
//	DELETE ?subject=alice&kind=user       revokes all of a subject
//	DELETE ?service=registry.example.com  revokes all for a service
//
// Several parameters select what has all of the values. To select everything, all=true has to be said. A parameter that is unknown,
// empty or sent twice is an error, so that no slip of the pen selects more than was meant. The answers are
// {"refresh_tokens":[…]} and {"revoked":3}; errors have the form of the token endpoint's. When a revocation is answered, none of
// the tokens is redeemed any more; access tokens that were issued before live until they expire.
//
// The Server has no such handler: it is there only where a program mounts it, under a path of its own, best on an address that is
// not public. A browser does not send a DELETE for another site's page: there is no CORS.
func NewRefreshAdmin(cfg RefreshAdminConfig) (http.Handler, error) {
	if cfg.Tokens == nil {
		return nil, errors.New("auth: refresh admin: no refresh tokens")
	}
	if cfg.Allow == nil {
		return nil, errors.New("auth: refresh admin: no Allow: everybody could list and revoke")
	}
	if cfg.RemoteAddr == nil {
		cfg.RemoteAddr = peerAddr
	}
	return &refreshAdmin{cfg: cfg, sameOrigin: http.NewCrossOriginProtection()}, nil
}

type refreshAdmin struct {
	cfg        RefreshAdminConfig
	sameOrigin *http.CrossOriginProtection
}

func (h *refreshAdmin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	record := RefreshAdminRecord{
		Time: time.Now(), Method: clip(r.Method), RemoteAddr: h.cfg.RemoteAddr(r), Status: http.StatusOK,
	}
	body, err := h.answer(r, &record)
	var refused *problem
	if err != nil {
		refused = asProblem(err)
		record.Status, record.Err = refused.status, refused
	}
	h.audit(r.Context(), record)
	if refused == nil {
		writeJSON(w, http.StatusOK, body)
		return
	}
	if refused.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, DELETE")
		writeJSON(w, refused.status, newErrorBody(refused.code, refused.oauth, refused.message))
		return
	}
	refused.write(w, "")
}

// answer asks for permission before it looks at anything else.
func (h *refreshAdmin) answer(r *http.Request, record *RefreshAdminRecord) (body any, err error) {
	if record.By, err = h.cfg.Allow(r); err != nil {
		return nil, notAllowed(err)
	}
	if record.By == "" {
		return nil, internalError(errors.New("allowed, but nobody: Allow returned no name"))
	}
	if err := h.sameOrigin.Check(r); err != nil {
		return nil, denied("this is not done from another site's page", err)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodDelete {
		return nil, &problem{
			status: http.StatusMethodNotAllowed, code: "UNSUPPORTED", oauth: "invalid_request",
			message: "refresh tokens are listed with GET and revoked with DELETE",
		}
	}
	filter, err := parseRefreshFilter(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	record.Filter = filter
	if r.Method == http.MethodDelete {
		return h.revoke(r.Context(), filter, record)
	}
	return h.list(r.Context(), filter, record)
}

func (h *refreshAdmin) revoke(ctx context.Context, filter token.RefreshFilter, record *RefreshAdminRecord) (body any, err error) {
	if record.Count, err = h.cfg.Tokens.Revoke(ctx, filter); err != nil {
		return nil, unavailable("it is not certain that the tokens are revoked", err)
	}
	return revokedBody{Revoked: record.Count}, nil
}

func (h *refreshAdmin) list(ctx context.Context, filter token.RefreshFilter, record *RefreshAdminRecord) (body any, err error) {
	list, err := h.cfg.Tokens.List(ctx, filter)
	if err != nil {
		return nil, unavailable("the tokens cannot be listed at the moment", err)
	}
	record.Count = len(list)
	listed := listBody{RefreshTokens: make([]listedToken, len(list))}
	for i, r := range list {
		listed.RefreshTokens[i] = listedToken{
			ID: r.ID, Subject: r.Subject, Kind: r.SubjectKind, Service: r.Service, ClientID: r.ClientID,
			IssuedAt: r.IssuedAt.UTC(), LastUsed: r.LastUsed.UTC(), RotatedAt: r.RotatedAt.UTC(),
			ExpiresAt: r.ExpiresAt.UTC(), IdleAt: r.IdleAt.UTC(),
		}
	}
	return listed, nil
}

func (h *refreshAdmin) audit(ctx context.Context, record RefreshAdminRecord) {
	if h.cfg.Audit != nil {
		h.cfg.Audit(ctx, record)
		return
	}
	logger := h.cfg.Logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(ctx, auditLevel(record.Status), "refresh token administration", slog.Any("request", record))
}

type revokedBody struct {
	Revoked int `json:"revoked"`
}

type listBody struct {
	RefreshTokens []listedToken `json:"refresh_tokens"`
}

// listedToken is a record without its hashes and the subject's stamp.
type listedToken struct {
	ID        string    `json:"id"`
	Subject   string    `json:"subject"`
	Kind      string    `json:"kind"`
	Service   string    `json:"service"`
	ClientID  string    `json:"client_id"` // as the client said
	IssuedAt  time.Time `json:"issued_at"`
	LastUsed  time.Time `json:"last_used"`
	RotatedAt time.Time `json:"rotated_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at"`
	IdleAt    time.Time `json:"idle_at"` // when it ends unless it is used
}

func parseRefreshFilter(rawQuery string) (filter token.RefreshFilter, err error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return filter, invalidRequest("the query is not well-formed")
	}
	for name, values := range query {
		if len(values) != 1 || values[0] == "" {
			return token.RefreshFilter{}, invalidRequest("a parameter is empty or sent more than once")
		}
		switch value := values[0]; {
		case name == "id":
			filter.ID = value
		case name == "subject":
			filter.Subject = value
		case name == "kind":
			filter.SubjectKind = value
		case name == "service":
			filter.Service = value
		case name == "all" && value == "true":
			filter.All = true
		default:
			return token.RefreshFilter{}, invalidRequest("a parameter is none of id, subject, kind, service, all=true")
		}
	}
	if filter == (token.RefreshFilter{SubjectKind: filter.SubjectKind}) { // a kind alone is nearly everything
		return token.RefreshFilter{}, invalidRequest("nothing is selected: name an id, a subject or a service, or say all=true")
	}
	return filter, nil
}

// notAllowed tells a refusal from a source of permissions that is broken.
func notAllowed(err error) *problem {
	if errors.Is(err, authn.ErrNoMatch) || errors.Is(err, authn.ErrRejected) {
		return denied("you may not administer refresh tokens", err)
	}
	return unavailable("it cannot be decided at the moment whether you may", fmt.Errorf("allow: %w", err))
}

func denied(message string, cause error) *problem {
	return &problem{status: http.StatusForbidden, code: "DENIED", oauth: "access_denied", message: message, cause: cause}
}
