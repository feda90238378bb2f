package load

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
)

// A kind is what a node does.
type kind string

const (
	anonymous kind = "anonymous"
	login     kind = "login"   // with a password that was checked before
	refresh   kind = "refresh" // with a refresh token
	first     kind = "first"   // with the password of a user who has never logged in
	wrong     kind = "wrong"   // with a wrong password
)

func kinds() []kind { return []kind{anonymous, login, refresh, first, wrong} }

// A scenario is what a cluster does.
type scenario struct {
	nodes, images int
	mix           map[kind]int // shares
	once          bool         // all nodes ask once, as one user who has not logged in
}

func scenarios() map[string]scenario {
	return map[string]scenario{
		"mixed": {
			nodes: 100, images: 20,
			mix: map[kind]int{anonymous: 60, login: 26, refresh: 10, first: 2, wrong: 2},
		},
		"rollout": {nodes: 1000, images: 1, mix: map[kind]int{login: 1}, once: true},
		"flood": {
			nodes: 256, images: 20,
			mix: map[kind]int{anonymous: 15, login: 7, refresh: 3, wrong: 75},
		},
	}
}

// people are the users: those that log in before the measuring, and those that do not.
type people struct{ warm, cold []clients.User }

const (
	warmUsers = 100
	coldUsers = 5000
)

// ownPeople are the users of the server that the lab starts.
func ownPeople() people {
	return people{clients.Users("user", warmUsers), clients.Users("newcomer", coldUsers)}
}

// split keeps half of the users for first logins, if there are such logins.
func (s *scenario) split(users []clients.User) people {
	if s.mix[first] == 0 {
		return people{warm: users}
	}
	half := (len(users) + 1) / 2
	return people{users[:half], users[half:]}
}

// groups lets the users log in that have to, and makes the groups of clients.
func (o *Options) groups(
	ctx context.Context, e *clients.Endpoint, p people,
) (groups []attack.Group, err error) {
	mix, sum := o.scenario.possible(p), 0
	for _, share := range mix {
		sum += share
	}
	for _, k := range kinds() {
		if mix[k] == 0 {
			continue
		}
		c := clients.Crowd{
			Name: string(k), Clients: portion(o.nodes, mix[k], sum), Scopes: o.scopes, Users: p.warm,
		}
		if o.rate > 0 {
			c.Rate = portion(o.rate, mix[k], sum)
		}
		g, err := o.group(ctx, e, k, c, p)
		if err != nil {
			return nil, err
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// possible leaves out what needs users that are not there.
func (s *scenario) possible(p people) map[kind]int {
	mix := make(map[kind]int)
	for k, share := range s.mix {
		needsWarm := k == login || k == refresh
		if needsWarm && len(p.warm) == 0 || k == first && len(p.cold) == 0 {
			continue
		}
		mix[k] = share
	}
	if len(mix) == 0 {
		mix[anonymous] = 1
	}
	return mix
}

// portion is the share of a total, and at least 1.
func portion(total, share, sum int) int {
	return max(1, (total*share+sum/2)/sum)
}

func (o *Options) group(
	ctx context.Context, e *clients.Endpoint, k kind, c clients.Crowd, p people,
) (attack.Group, error) {
	switch {
	case o.scenario.once:
		c.Users = c.Users[:1] // the user of the pull secret
		g := e.Logins(c)
		g.Limit = c.Clients
		return g, nil
	case k == login:
		return e.Logins(c), e.LogIn(ctx, c)
	case k == refresh:
		tokens, err := e.RefreshTokens(ctx, c)
		return e.Refreshes(c, tokens), err
	case k == first:
		c.Users = p.cold
		return e.FirstLogins(c), nil
	case k == wrong:
		c.From = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
		return e.Guesses(c), nil
	}
	return e.Anonymous(c), nil
}

func (o *Options) title() string {
	loop := "each node asks when it is answered"
	if o.rate > 0 {
		loop = fmt.Sprintf("%d requests/s", o.rate)
	}
	return fmt.Sprintf("%d nodes, %d scopes, %s", o.nodes, len(o.scopes), loop)
}
