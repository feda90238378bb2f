// Package refreshadmin serves the administration of refresh tokens over HTTP, for the programs and
// people that [Config].Allow admits.
//
//	GET    ?subject=alice                 lists the tokens of alice, without the tokens themselves
//	DELETE ?id=K3T…                       revokes one
//	DELETE ?subject=alice&kind=user       revokes all of a user or, by another kind, of an account
//	DELETE ?service=registry.example.com  revokes all for a service
//
// Several parameters select the tokens that have all of the values; all=true selects every token.
// A parameter that is unknown, empty or sent twice is an error, so that a typing mistake does not
// select more than was meant. A list has pages of up to limit tokens, by default 100 and at most
// 1000. The answer is {"refresh_tokens":[…],"next":"K3T…"}, and after=K3T… is the next page; the
// last one has no next. A revocation is answered with {"revoked":3}: none of the tokens is redeemed
// any more. Access tokens that were issued before live until they expire.
//
// Mount the handler under a path of its own, best at an address that is not public. Pages of other
// sites cannot use it through a browser.
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

// Config configures the handler that [New] returns.
type Config struct {
	Tokens *refresh.Tokens // required
	// Allow returns the client's name for the audit, or an error if it may not use the handler. An
	// error that wraps [authn.ErrNoMatch] or [authn.ErrRejected] is answered with 403, any other
	// with 503. It is called concurrently. Required: there is no handler without protection.
	Allow func(r *http.Request) (name string, err error)
	// RemoteAddr returns the client's address for the audit. The default is the connection's peer.
	RemoteAddr func(r *http.Request) netip.Addr
	// Logger receives faults, and the audit unless Audit is set. The default is slog.Default().
	Logger *slog.Logger
	// Audit receives one record for each request before the answer is sent, concurrently.
	Audit func(ctx context.Context, record Record)
}

// A Record says what somebody did, or tried to do, with refresh tokens. It holds no secret.
type Record struct {
	Time       time.Time
	Method     string         // GET for a list, DELETE for a revocation; any other was refused
	By         string         // the name that Allow returned, unproved with Status 403 or 503
	Filter     refresh.Filter // what was listed or revoked
	Count      int            // how many tokens were listed or revoked
	Status     int            // of the answer
	Err        error          // why nothing was done, with causes that the client did not read
	RemoteAddr netip.Addr     // the client's, or the zero Addr
}

// LogValue implements [slog.LogValuer]. Empty fields are left out.
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

// New returns the handler, or an error that says which field of the configuration is missing.
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
		logger.LogAttrs(ctx, reply.Level(record.Status), "refresh token administration",
			slog.Any("request", record))
	}
	reply.Serve(w, r, 10*time.Second, logger, answer, audit)
}

// answer asks for permission before it looks at anything else.
func (h *handler) answer(r *http.Request, record *Record) (body any, err error) {
	record.RemoteAddr = h.config.RemoteAddr(r)
	record.By, err = h.config.Allow(r)
	switch crossOrigin := h.sameOrigin.Check(r); {
	case errors.Is(err, authn.ErrNoMatch), errors.Is(err, authn.ErrRejected):
		return nil, denied("you may not administer refresh tokens", err)
	case err != nil:
		return nil, reply.Unavailable("it cannot be decided at the moment whether you may", err)
	case record.By == "":
		return nil, errors.New("allow: no error and no name")
	case crossOrigin != nil:
		return nil, denied("a page of another site may not do this", crossOrigin)
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
		return nil, reply.Unavailable("it is not certain that the tokens are revoked", err)
	}
	return map[string]int{"revoked": record.Count}, nil
}

func denied(message string, cause error) error {
	p := reply.New(http.StatusForbidden, "DENIED", "access_denied", message)
	p.Cause = cause
	return p
}
