// Package refreshadmin lists and revokes refresh tokens over HTTP, for clients that [Config].Allow
// permits.
//
//	GET    ?subject=alice                 lists the tokens of alice, without their secrets
//	DELETE ?id=K3T…                       revokes one token
//	DELETE ?subject=alice&kind=user       revokes all tokens of the user alice
//	DELETE ?service=registry.example.com  revokes all tokens for a service
//
// Each further parameter narrows the selection. The kind is "user" or "service_account", by default
// both. all=true selects every token. The answer is 400 if a parameter is unknown, empty or
// repeated, or if there is none, so that a typing mistake does not select too much. A list has
// pages of limit tokens, by default 100 and at most 1000. {"refresh_tokens":[…],"next":"K3T…"} is a
// page, after=K3T… requests the next one, and the last has no "next". A revocation is answered with
// {"revoked":3}. The tokens are then useless, but access tokens that were issued before remain
// valid until they expire. After a 503, the tokens may or may not be revoked.
//
// Mount the handler under a path of its own, best at an address that is not public. Pages of other
// sites cannot use it: a cross-origin DELETE is answered with 403, and browsers hide the lists.
package refreshadmin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token/refresh"
)

// Config configures the handler that [New] returns. All functions are called concurrently.
type Config struct {
	Tokens *refresh.Tokens // required
	// Allow decides whether a client may use the handler, and returns its name for the audit, which
	// may accompany an error. An error that wraps [authn.ErrNoMatch] or [authn.ErrRejected] is
	// answered with 403, any other with 503. Required.
	Allow func(r *http.Request) (name string, err error)
	// RemoteAddr returns the client's address for the audit. The default is the peer address.
	RemoteAddr func(r *http.Request) netip.Addr
	// Logger logs panics, and the audit unless Audit is set. The default is slog.Default().
	Logger *slog.Logger
	// Audit gets one record of each request before the answer is sent. If it panics, the answer is
	// 500, even if tokens were revoked. The default logs the record.
	Audit func(ctx context.Context, record Record)
}

// A Record describes a request and its outcome, including refused ones. It holds no secret.
type Record struct {
	Time       time.Time
	Method     string         // GET for a list, DELETE for a revocation
	By         string         // the name that Allow returned, even with an error
	Filter     refresh.Filter // which tokens were selected
	Count      int            // how many tokens were listed or revoked
	Status     int            // of the answer
	Err        error          // the reason for another Status than 200, with internal causes
	RemoteAddr netip.Addr     // the client's, or the zero Addr
}

// LogValue implements [slog.LogValuer]. It omits empty fields.
func (a Record) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Int("status", a.Status), slog.Int("count", a.Count)}
	attrs = reply.Text(attrs, "method", a.Method)
	attrs = reply.Text(attrs, "by", a.By)
	attrs = reply.Text(attrs, "id", a.Filter.ID)
	attrs = reply.Text(attrs, "subject", a.Filter.Subject)
	if a.Filter.Kind != nil {
		attrs = reply.Text(attrs, "kind", a.Filter.Kind.String())
	}
	attrs = reply.Text(attrs, "service", a.Filter.Service)
	if a.Filter.All {
		attrs = append(attrs, slog.Bool("all", true))
	}
	return reply.Group(attrs, a.RemoteAddr, a.Err)
}

// New returns the handler, or an error if Tokens or Allow is missing.
func New(config Config) (http.Handler, error) {
	if config.Tokens == nil || config.Allow == nil {
		return nil, errors.New("new refresh token administration: Tokens or Allow is missing")
	}
	if config.RemoteAddr == nil {
		config.RemoteAddr = reply.PeerAddr
	}
	return &handler{config: config, sameOrigin: http.NewCrossOriginProtection()}, nil
}

type handler struct {
	config     Config
	sameOrigin *http.CrossOriginProtection
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	logger := reply.Logger(h.config.Logger)
	record := Record{Time: time.Now(), Method: reply.Clip(r.Method), Status: http.StatusOK}
	answer := func(r *http.Request) (any, error) { return h.answer(r, &record) }
	audit := func(ctx context.Context, problem *reply.Problem) {
		if problem != nil {
			record.Status, record.Err = problem.Status, problem
		}
		if h.config.Audit != nil {
			h.config.Audit(ctx, record)
			return
		}
		logger.LogAttrs(ctx, reply.Level(record.Status, record.Err), "refresh token administration",
			slog.Any("request", record))
	}
	reply.Serve(w, r, 10*time.Second, logger, answer, audit, (*reply.Problem).Write)
}

// answer asks Allow before it does anything else.
func (h *handler) answer(r *http.Request, record *Record) (body any, err error) {
	record.RemoteAddr = h.config.RemoteAddr(r)
	record.By, err = h.config.Allow(r)
	switch crossOrigin := h.sameOrigin.Check(r); {
	case errors.Is(err, authn.ErrNoMatch), errors.Is(err, authn.ErrRejected):
		return nil, denied("you may not administer refresh tokens", err)
	case err != nil:
		return nil, reply.Unavailable("your permission cannot be checked at the moment", err)
	case record.By == "":
		return nil, errors.New("the Allow function returned no name and no error")
	case crossOrigin != nil:
		return nil, denied("cross-origin requests are not allowed", crossOrigin)
	case r.Method != http.MethodGet && r.Method != http.MethodDelete:
		return nil, reply.MethodNotAllowed("GET, DELETE")
	}
	q, err := parseQuery(r)
	if err != nil {
		return nil, err
	}
	record.Filter = q.filter
	if r.Method == http.MethodGet {
		return h.list(r.Context(), q, record)
	}
	if record.Count, err = h.config.Tokens.Revoke(r.Context(), q.filter); err != nil {
		return nil, reply.Unavailable("it is uncertain whether the tokens were revoked", err)
	}
	return map[string]int{"revoked": record.Count}, nil
}

func denied(message string, cause error) error {
	p := reply.New(http.StatusForbidden, "DENIED", "access_denied", message)
	p.Cause = cause
	return p
}
