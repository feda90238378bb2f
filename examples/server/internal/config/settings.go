package config

import (
	"net"

	"go.yaml.in/yaml/v3"
)

// Throttle says whether wrong passwords are slowed down.
type Throttle struct {
	Disabled bool
}

// Metrics says where metrics are served.
type Metrics struct {
	// Addr is a host and port of their own, or empty: then they are at the server's own address, for its own machine.
	Addr string
	At   Position
}

func (r *reader) throttle(n *yaml.Node) {
	r.mapping(n, "throttle", func(key string, value *yaml.Node) bool {
		if key != "enabled" {
			return false
		}
		r.cfg.Throttle.Disabled = !r.boolean(value, key)
		return true
	})
}

func (r *reader) metrics(n *yaml.Node) {
	r.mapping(n, "metrics", func(key string, value *yaml.Node) bool {
		if key != "addr" {
			return false
		}
		r.cfg.Metrics = Metrics{Addr: r.text(value, key), At: r.at(value)}
		if _, _, err := net.SplitHostPort(r.cfg.Metrics.Addr); err != nil {
			r.fail(value, "metrics.addr must be host:port and is %q", r.cfg.Metrics.Addr)
		}
		return true
	})
}
