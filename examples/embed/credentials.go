package main

import (
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/throttle"
)

// credentials knows each kind of credentials. It is one for all servers of the process, so that
// they share the cache and the count of wrong passwords. Only passwords can be guessed, and need
// the throttle.
func (p *portal) credentials(others ...authn.Authenticator) authn.Authenticator {
	people := throttle.New(authn.Cache(p.passwords(), authn.CacheConfig{}), throttle.Config{})
	own := []authn.Authenticator{p.loggedIn(), p.personalTokens(), p.programs(), people}
	return authn.Chain(append(others, own...)...)
}
