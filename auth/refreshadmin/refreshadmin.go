// Package refreshadmin serves the administration of refresh tokens over HTTP: listing and revoking
// them, for the programs and people that [Config].Allow admits.
//
//	GET    ?subject=alice                 lists the tokens of alice, without the tokens themselves
//	DELETE ?id=K3T…                       revokes one
//	DELETE ?subject=alice&kind=user       revokes all of a subject
//	DELETE ?service=registry.example.com  revokes all for a service
//
// Several parameters select the tokens that have all of the values; all=true selects every token.
// The kind is "user" or "service account". A parameter that is unknown, empty or sent twice is an
// error, so that a typing mistake does not select more than was meant.
//
// A list is answered in pages of up to limit tokens, by default 100 and at most 1000. The answer is
// {"refresh_tokens":[…],"next":"K3T…"}, and the next page is at after=K3T…; the last page has no
// next. A revocation is answered with {"revoked":3}. Errors have the form of the token endpoint's.
//
// Once a revocation is answered, none of the tokens is redeemed any more. Access tokens that were
// issued before live until they expire.
//
// Mount the handler under a path of its own, best at an address that is not public. Other sites'
// pages cannot use it through a browser.
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
	// Allow finds out who asks, and whether they may, for every request. It returns the name for
	// the audit, which may be empty beside an error. An error that wraps [authn.ErrNoMatch] or
	// [authn.ErrRejected] is answered with 403, any other with 503. It is called concurrently.
	// Required: there is no handler without protection.
	Allow func(r *http.Request) (name string, err error)
	// RemoteAddr returns the client's address for the audit. The default is the address of the
	// connection's peer.
	RemoteAddr func(r *http.Request) netip.Addr
	// Logger receives faults, and the audit unless Audit is set. The default is slog.Default(),
	// looked up at each use.
	Logger *slog.Logger
	// Audit receives one record for each request before the answer is sent. It is called
	// concurrently. The default writes the record to Logger.
	Audit func(ctx context.Context, record Record)
}

// New returns the handler, or an error that says which field of the configuration is missing.
func New(config Config) (http.Handler, error) {
	if config.Tokens == nil {
		return nil, errors.New("new refresh token administration: Tokens is missing")
	}
	if config.Allow == nil {
		return nil, errors.New("new refresh token administration: Allow is missing")
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
		return nil, denied("another site's page may not do this", err)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodDelete {
		return nil, reply.MethodNotAllowed("GET, DELETE")
	}
	q, err := parseQuery(r)
	if err != nil {
		return nil, err
	}
	record.Filter = q.filter
	if r.Method == http.MethodDelete {
		return h.revoke(r.Context(), q, record)
	}
	return h.list(r.Context(), q, record)
}

type revokedBody struct {
	Revoked int `json:"revoked"`
}

func (h *handler) revoke(ctx context.Context, q query, record *Record) (body any, err error) {
	if record.Count, err = h.config.Tokens.Revoke(ctx, q.filter); err != nil {
		return nil, reply.Unavailable("it is not certain that the tokens are revoked", err)
	}
	return revokedBody{record.Count}, nil
}

type listBody struct {
	RefreshTokens []listedToken `json:"refresh_tokens"`
	Next          string        `json:"next,omitempty"`
}

// listedToken is a record without its hash and the subject's stamp.
type listedToken struct {
	ID        string       `json:"id"`
	Subject   string       `json:"subject"`
	Kind      string       `json:"kind"`
	Limit     *authn.Limit `json:"limit,omitempty"`
	Service   string       `json:"service"`
	ClientID  string       `json:"client_id"` // as the client said
	IssuedAt  time.Time    `json:"issued_at"`
	LastUsed  time.Time    `json:"last_used"`
	ExpiresAt time.Time    `json:"expires_at"`
	IdleAt    time.Time    `json:"idle_at"` // the end unless it is used before
}

func (h *handler) list(ctx context.Context, q query, record *Record) (any, error) {
	page, err := h.config.Tokens.List(ctx, q.filter, q.after, q.limit+1)
	if err != nil {
		return nil, reply.Unavailable("the tokens cannot be listed at the moment", err)
	}
	var body listBody
	if len(page) > q.limit { // the extra one shows that there is another page
		page = page[:q.limit]
		body.Next = page[q.limit-1].ID
	}
	record.Count = len(page)
	body.RefreshTokens = make([]listedToken, len(page))
	for i, r := range page {
		body.RefreshTokens[i] = listedToken{
			ID: r.ID, Subject: r.Subject.Name, Kind: r.Subject.Kind.String(),
			Limit: r.Subject.Limit, Service: r.Service, ClientID: r.ClientID,
			IssuedAt: r.IssuedAt.UTC(), LastUsed: r.LastUsed.UTC(),
			ExpiresAt: r.ExpiresAt.UTC(), IdleAt: r.IdleAt.UTC(),
		}
	}
	return body, nil
}

// notAllowed tells a refusal from a failure to decide.
func notAllowed(err error) *reply.Problem {
	if errors.Is(err, authn.ErrNoMatch) || errors.Is(err, authn.ErrRejected) {
		return denied("you may not administer refresh tokens", err)
	}
	return reply.Unavailable("it cannot be decided at the moment whether you may",
		fmt.Errorf("allow: %w", err))
}

func denied(message string, cause error) *reply.Problem {
	p := reply.New(http.StatusForbidden, "DENIED", "access_denied", message)
	p.Cause = cause
	return p
}
