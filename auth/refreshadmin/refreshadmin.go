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
// select more than was meant.
//
// A list comes in pages of up to limit tokens, by default 100 and at most 1000. The answer is
// {"refresh_tokens":[…],"next":"K3T…"}, and after=K3T… is the next page; the last one has no next.
// A revocation is answered with {"revoked":3}: none of the tokens is redeemed any more. Access
// tokens that were issued before live until they expire.
//
// Mount the handler under a path of its own, best at an address that is not public. Pages of other
// sites cannot use it through a browser.
package refreshadmin

import (
	"context"
	"errors"
	"fmt"
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
	// Tokens are the refresh tokens of the token server. Required.
	Tokens *refresh.Tokens
	// Allow finds out who asks and whether they may. It is called concurrently and returns the name
	// for the audit, which may be empty beside an error. An error that wraps [authn.ErrNoMatch] or
	// [authn.ErrRejected] is answered with 403, any other with 503. Required: there is no handler
	// without protection.
	Allow func(r *http.Request) (name string, err error)
	// RemoteAddr returns the client's address for the audit. The default is the connection's peer.
	RemoteAddr func(r *http.Request) netip.Addr
	// Logger receives faults, and the audit unless Audit is set. The default is slog.Default().
	Logger *slog.Logger
	// Audit receives one record for each request before the answer is sent. It is called
	// concurrently. The default writes the record to Logger.
	Audit func(ctx context.Context, record Record)
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

// timeout bounds the work on one request, with the time to read its body.
const timeout = 10 * time.Second

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	logger := reply.Logger(h.config.Logger)
	record := Record{Time: time.Now(), Method: reply.Clip(r.Method), Status: http.StatusOK}
	answer := func(ctx context.Context) (any, error) {
		return h.answer(r.WithContext(ctx), &record)
	}
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
	reply.Serve(w, r, timeout, logger, answer, audit)
}

// answer asks for permission before it looks at anything else.
func (h *handler) answer(r *http.Request, record *Record) (body any, err error) {
	record.RemoteAddr = h.config.RemoteAddr(r)
	if record.By, err = h.config.Allow(r); err != nil {
		return nil, notAllowed(err)
	}
	if record.By == "" {
		return nil, errors.New("allow: no error and no name")
	}
	if err := h.sameOrigin.Check(r); err != nil {
		return nil, denied("a page of another site may not do this", err)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodDelete {
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

// notAllowed tells a refusal from a failure to decide.
func notAllowed(err error) error {
	if errors.Is(err, authn.ErrNoMatch) || errors.Is(err, authn.ErrRejected) {
		return denied("you may not administer refresh tokens", err)
	}
	return reply.Unavailable("it cannot be decided at the moment whether you may",
		fmt.Errorf("allow: %w", err))
}

func denied(message string, cause error) error {
	p := reply.New(http.StatusForbidden, "DENIED", "access_denied", message)
	p.Cause = cause
	return p
}
