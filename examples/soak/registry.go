package main

import (
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/distribution/distribution/v3/registry/auth"
	_ "github.com/distribution/distribution/v3/registry/auth/token" // the access controller of that name
	"github.com/sirupsen/logrus"
)

// A registry is the part of distribution that looks at tokens. It is safe for concurrent use.
type registry struct {
	bundle string

	once       sync.Once
	controller auth.AccessController
	err        error
}

func (v *registry) start() {
	logrus.SetOutput(io.Discard) // it is where distribution says why, once for each entry that it ignores
	v.controller, v.err = auth.GetAccessController("token", map[string]any{
		"realm": "https://auth.example.com/token", "service": serviceName, "issuer": issuerName, "rootcertbundle": v.bundle,
	})
}

// verify lets distribution say whether the token is good for everything that was granted, and for nothing else.
func (v *registry) verify(raw, subject string, granted []question) error {
	v.once.Do(v.start)
	if v.err != nil {
		return v.err
	}
	request := newRequest(http.MethodGet, "http://registry.example.com/v2/", http.NoBody, "")
	request.Header.Set("Authorization", "Bearer "+raw)
	var access []auth.Access
	for _, q := range granted {
		for _, action := range q.actions {
			access = append(access, auth.Access{Resource: auth.Resource{Type: q.kind, Name: q.name}, Action: action})
		}
	}
	grant, err := v.controller.Authorized(request, access...)
	if err != nil {
		return fmt.Errorf("distribution refuses %v: %w", granted, err)
	}
	if grant.User.Name != subject {
		return fmt.Errorf("distribution takes %q for %q", subject, grant.User.Name)
	}
	more := auth.Access{Resource: auth.Resource{Type: "repository", Name: "secret/app"}, Action: "pull"}
	if _, err := v.controller.Authorized(request, more); err == nil {
		return fmt.Errorf("distribution accepts a token with %v for %v", granted, more)
	}
	return nil
}
