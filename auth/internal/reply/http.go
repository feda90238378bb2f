package reply

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// writeJSON sends an answer that must not be cached.
func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // impossible for the types that callers pass
		panic(err)
	}
	setNoStore(w)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // an error means that the client hung up
}

func setNoStore(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

// Serve calls answer, then audit, then sends the answer, so that no token is sent without a record.
// A panic in either becomes a 500. The timeout ends the context of answer but not that of audit,
// so that a request that timed out is recorded as well. Audit gets a nil problem for status 200.
// Write sends other answers.
func Serve(
	w http.ResponseWriter, r *http.Request, timeout time.Duration, logger *slog.Logger,
	answer func(r *http.Request) (body any, err error),
	audit func(ctx context.Context, problem *Problem),
	write func(problem *Problem, w http.ResponseWriter),
) {
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	if err := LimitBody(ctx, w, r); err != nil {
		logger.LogAttrs(ctx, slog.LevelWarn, "the body of a request has no deadline",
			slog.String("error", err.Error()),
			slog.String("remedy", "a wrapper of the ResponseWriter needs an Unwrap method"))
	}

	var body any
	problem := recovered(ctx, logger, func() (err error) {
		body, err = answer(r.WithContext(ctx))
		return err
	})
	ofAudit := recovered(ctx, logger, func() error {
		audit(context.WithoutCancel(ctx), problem)
		return nil
	})
	switch {
	case ofAudit != nil:
		ofAudit.Write(w)
	case problem != nil:
		panicked := recovered(ctx, logger, func() error { write(problem, w); return nil })
		if panicked != nil {
			panicked.Write(w)
		}
	default:
		writeJSON(w, http.StatusOK, body)
	}
}

// recovered calls do and returns its error as a problem. A panic is logged with its stack.
func recovered(ctx context.Context, logger *slog.Logger, do func() error) (p *Problem) {
	defer func() {
		if cause := recover(); cause != nil {
			logger.LogAttrs(ctx, slog.LevelError, "panic while answering a request",
				slog.String("panic", Visible(fmt.Sprint(cause))),
				slog.String("stack", string(debug.Stack())))
			p = From(fmt.Errorf("panic: %v", cause))
		}
	}()
	return From(do())
}

// LimitBody makes reads of the request's body fail after the deadline of ctx. Package net/http
// reads every body to its end, so a client that sends it slowly, or announces one and sends none,
// would keep its connection. It is an error if w is a wrapper without an Unwrap method.
func LimitBody(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	if deadline, ok := ctx.Deadline(); ok && r.ContentLength != 0 {
		return http.NewResponseController(w).SetReadDeadline(deadline)
	}
	return nil
}

// Logger returns the configured logger, or else the current default.
func Logger(configured *slog.Logger) *slog.Logger {
	return cmp.Or(configured, slog.Default())
}

// PeerAddr returns the address of the connection's peer, or the zero Addr for a connection without
// one, such as a Unix socket.
func PeerAddr(r *http.Request) netip.Addr {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero AddrPort after an error
	return peer.Addr().Unmap()
}

// Quote returns s as an HTTP quoted-string (RFC 9110, section 5.6.4).
func Quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
