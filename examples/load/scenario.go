package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

// A mix is how many of all nodes are of each kind. The numbers are shares.
type mix map[load.Kind]int

// A scenario is what a cluster does, unless flags say otherwise.
type scenario struct {
	name   string
	nodes  int
	images int
	mix    mix
	once   bool // each node asks once, all at the same time, and nobody has logged in before
}

func scenarios() []scenario {
	return []scenario{
		{
			name: "mixed", nodes: 100, images: 20,
			mix: mix{load.Anonymous: 60, load.Login: 26, load.Refresh: 10, load.Cold: 2, load.Wrong: 2},
		},
		{
			name: "rollout", nodes: 1000, images: 1, once: true,
			mix: mix{load.Login: 100},
		},
		{
			name: "flood", nodes: 256, images: 20,
			mix: mix{load.Anonymous: 15, load.Login: 7, load.Refresh: 3, load.Wrong: 75},
		},
	}
}

func findScenario(name string) *scenario {
	for _, s := range scenarios() {
		if s.name == name {
			return &s
		}
	}
	return nil
}

func parseMix(s string) (mix, error) {
	m := make(mix)
	for part := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(part, "=")
		kind := load.Kind(strings.TrimSpace(name))
		share, err := strconv.Atoi(strings.TrimSpace(value))
		if !slices.Contains(load.Kinds(), kind) || err != nil || share < 0 || share > 1_000_000 {
			return nil, fmt.Errorf("-mix has %q, which is not one of %v with a number", part, load.Kinds())
		}
		m[kind] = share
	}
	if m.sum() == 0 {
		return nil, fmt.Errorf("-mix %q is nobody", s)
	}
	return m, nil
}

func (m mix) sum() (n int) {
	for _, share := range m {
		n += share
	}
	return n
}

// plan makes the groups of clients. There may be a few nodes more than were asked for, so that each kind has one.
func (o *options) plan(ctx context.Context, config *load.Config, p people) error {
	config.Duration, config.WarmUp, config.Requests = o.duration, o.warmUp, o.requests
	m, err := o.mixFor(p)
	if err != nil {
		return err
	}
	spread := canSpread(ctx, config.URL)
	all := m.sum()
	first := 0
	for _, kind := range load.Kinds() {
		if m[kind] == 0 {
			continue
		}
		share := float64(m[kind]) / float64(all)
		g := load.Group{Kind: kind, Clients: atLeastOne(share * float64(o.nodes)), Scopes: o.scopes, Rate: o.rate * share, Users: p.warm}
		if o.connections > 0 {
			g.Connections = atLeastOne(share * float64(o.connections))
		}
		if kind == load.Cold {
			g.Users = p.cold
		}
		if o.scenario.once {
			g.Rounds, g.Unprepared = 1, true
			g.Users = g.Users[:min(1, len(g.Users))] // that of the image's pull secret
		}
		if spread {
			g.Sources = sources(kind, first, g.Clients)
		}
		first += g.Clients
		config.Groups = append(config.Groups, g)
	}
	o.nodes = first
	return nil
}

func atLeastOne(n float64) int { return max(1, int(n+0.5)) }

// mixFor leaves out of a scenario's mix what cannot be done without users. A mix that was asked for is refused instead.
func (o *options) mixFor(p people) (mix, error) {
	m := make(mix)
	for kind, share := range o.mix {
		missing := (kind == load.Login || kind == load.Refresh) && len(p.warm) == 0 || kind == load.Cold && len(p.cold) == 0
		switch {
		case missing && o.mixGiven && share > 0 && kind == load.Cold:
			return nil, fmt.Errorf("%w: %s needs two users at least, one of whom is for it", errUsage, kind)
		case missing && o.mixGiven && share > 0:
			return nil, fmt.Errorf("%w: %s needs -users or -user", errUsage, kind)
		case !missing:
			m[kind] = share
		}
	}
	if m.sum() == 0 {
		m[load.Anonymous] = 1
	}
	return m, nil
}

// floodAddress is where all wrong passwords come from, if the system permits it.
const floodAddress = "127.0.0.2"

// canSpread reports whether this machine's clients can have addresses of their own: on Linux all of 127.0.0.0/8 are, and servers
// count failed logins by address.
func canSpread(ctx context.Context, target string) bool {
	u, err := url.Parse(target)
	if err != nil {
		return false
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme
	}
	dialer := &net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.ParseIP(floodAddress)},
		Timeout:   time.Second,
	}
	connection, err := dialer.DialContext(ctx, "tcp4", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return false
	}
	defer connection.Close()
	to, err := netip.ParseAddrPort(connection.RemoteAddr().String())
	return err == nil && to.Addr().IsLoopback()
}

// sources are the addresses of a kind's nodes: one for each, but only one for all who guess passwords.
func sources(kind load.Kind, first, count int) []netip.Addr {
	if kind == load.Wrong {
		return []netip.Addr{netip.MustParseAddr(floodAddress)}
	}
	list := make([]netip.Addr, 0, count)
	for i := first; i < first+count; i++ {
		list = append(list, netip.AddrFrom4([4]byte{127, 1 + byte(i>>14), byte(i >> 7 & 127), byte(1 + i&127)})) //nolint:gosec // there are few
	}
	return list
}
