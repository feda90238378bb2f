package load

import (
	"context"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
)

// A scenario is what a cluster does: the shares of its nodes that do one thing each.
type scenario struct {
	nodes, images int
	anonymous     int
	login         int // with a password that was checked before
	refresh       int // with a refresh token
	first         int // with the password of a user who has never logged in
	wrong         int // with a wrong password
	once          bool
}

func scenarios() map[string]scenario {
	return map[string]scenario{
		"mixed": {
			nodes: 100, images: 20, anonymous: 60, login: 26, refresh: 10, first: 2, wrong: 2,
		},
		"logins": {nodes: 100, images: 20, anonymous: 70, login: 30},
		"flood":  {nodes: 256, images: 20, anonymous: 15, login: 7, refresh: 3, wrong: 75},
		// All nodes ask once, as one user who has not logged in.
		"rollout": {nodes: 1000, images: 1, login: 1, once: true},
	}
}

// people are the users: those that log in before the measuring, and those that do not.
type people struct{ warm, cold []clients.User }

// ownPeople are the users of the server that the lab starts.
func ownPeople() people {
	return people{clients.Users("user", 100), clients.Users("newcomer", 5000)}
}

// split keeps half of the users for first logins, if there are such logins.
func (s *scenario) split(users []clients.User) people {
	if s.first == 0 {
		return people{warm: users}
	}
	half := (len(users) + 1) / 2
	return people{users[:half], users[half:]}
}

// groups lets the users log in that have to, and makes the groups of clients. It leaves out what
// needs users that are not there.
func (o *Options) groups(
	ctx context.Context, e *clients.Endpoint, p people,
) (groups []attack.Group, err error) {
	s := o.scenario
	if len(p.warm) == 0 {
		s.login, s.refresh, s.anonymous = 0, 0, max(s.anonymous, 1)
	}
	if len(p.cold) == 0 {
		s.first = 0
	}
	sum := s.anonymous + s.login + s.refresh + s.first + s.wrong
	portion := func(total, share int) int { return (total*share + sum/2) / sum }
	type maker func(clients.Crowd) attack.Group
	add := func(name string, share int, users []clients.User, group maker) {
		if share == 0 || err != nil {
			return
		}
		groups = append(groups, group(clients.Crowd{
			Name: name, Clients: max(1, portion(o.nodes, share)), Rate: portion(o.rate, share),
			Scopes: clients.Scopes(s.images), Users: users,
		}))
	}
	add("anonymous", s.anonymous, nil, e.Anonymous)
	add("login", s.login, p.warm, func(c clients.Crowd) attack.Group {
		if s.once {
			c.Users = c.Users[:1] // the user of the pull secret
			g := e.Logins(c)
			g.Limit = c.Clients
			return g
		}
		_, err = e.LogIn(ctx, c, false)
		return e.Logins(c)
	})
	add("refresh", s.refresh, p.warm, func(c clients.Crowd) attack.Group {
		tokens, failure := e.LogIn(ctx, c, true)
		err = failure
		return e.Refreshes(c, tokens)
	})
	add("first", s.first, p.cold, e.FirstLogins)
	add("wrong", s.wrong, p.warm, func(c clients.Crowd) attack.Group {
		c.From = []string{"192.0.2.1"}
		return e.Guesses(c)
	})
	return groups, err
}
