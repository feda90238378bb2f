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
	Time time.Time
	// Method is GET for a list and DELETE for a revocation. Any other was refused.
	Method string
	// By is the name that Allow returned. With Status 403 or 503 it may be unproved.
	By string
	// RemoteAddr is the client's address, or the zero Addr when it is not known.
	RemoteAddr netip.Addr
	// Filter selects what was listed or revoked.
	Filter refresh.Filter
	// Count is how many tokens were listed or revoked.
	Count int
	// Status is the HTTP status of the answer.
	Status int
	// Err is why nothing was done, with causes that the client did not read. It is nil for Status
	// 200.
	Err error
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
	if a.RemoteAddr.IsValid() {
		attrs = reply.Text(attrs, "remote_addr", a.RemoteAddr.String())
	}
	if a.Err != nil {
		attrs = reply.Text(attrs, "error", a.Err.Error())
	}
	return slog.GroupValue(attrs...)
}
