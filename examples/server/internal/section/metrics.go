package section

import (
	"fmt"
	"net"

	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// metrics serves metrics at an address of their own.
type metrics struct {
	addr string
	at   conf.Place
}

func (m *metrics) Keys() []string { return []string{"metrics"} }

func (m *metrics) Read(n *conf.Node) {
	n.Fields(conf.Text("addr", &m.addr).At(&m.at).AtStart())
	if _, _, err := net.SplitHostPort(m.addr); err != nil && m.addr != "" {
		m.at.Errorf("metrics.addr must be host:port and is %q", m.addr)
	}
}

func (m *metrics) Build(s *Site) (Part, error) {
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
