package section

import (
	"fmt"
	"net"

	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// Metrics serves metrics at an address of their own.
type Metrics struct {
	addr string
	at   conf.Place
}

// Keys implements [Section].
func (m *Metrics) Keys() []string { return []string{"metrics"} }

// Read implements [Section].
func (m *Metrics) Read(n *conf.Node) {
	n.Fields(conf.Text("addr", &m.addr).At(&m.at).AtStart())
	if _, _, err := net.SplitHostPort(m.addr); err != nil && m.addr != "" {
		m.at.Errorf("metrics.addr must be host:port and is %q", m.addr)
	}
}

// Build implements [Section].
func (m *Metrics) Build(s *Site) (Part, error) {
	if m.addr == "" {
		return Part{}, nil
	}
	return Part{Handler: &Handler{m.addr, m.at.Position, s.Operators}}, nil
}

// checkHostPort is a check of an address that needs a host or a port.
func checkHostPort(addr string) error {
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		return fmt.Errorf("must be host:port and is %q", addr)
	}
	return nil
}
