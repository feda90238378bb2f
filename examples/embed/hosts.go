package main

import (
	"net/http"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token"
)

// byHost has a token server for each host, with the host's name as its service.
func (p *portal) byHost(
	keys map[string]token.Keys, users authn.Authenticator,
) (http.Handler, error) {
	mux := http.NewServeMux()
	for host, key := range keys {
		server, err := p.tokenServer(host, key, users)
		if err != nil {
			return nil, err
		}
		mux.Handle(host+"/token", server)
	}
	return mux, nil
}
