package refreshadmin

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/token/refresh"
)

// A Record says what somebody did, or tried to do, with refresh tokens. It holds no secret.
type Record struct {
	Time   time.Time
	Method string         // GET for a list, DELETE for a revocation; any other was refused
	By     string         // the name that Allow returned, unproved with Status 403 or 503
	Filter refresh.Filter // what was listed or revoked
	Count  int            // how many tokens were listed or revoked
	Status int            // of the answer
	Err    error          // why nothing was done, with causes that the client did not read
	// RemoteAddr is the client's address, or the zero Addr when it is not known.
	RemoteAddr netip.Addr
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
