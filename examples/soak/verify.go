package main

import (
	"sync"

	"github.com/berthpass/registry-auth/examples/internal/registry"
	"github.com/berthpass/registry-auth/scope"
)

// A verifier is distribution. It is made when it is first used, which is when the bundle is there.
type verifier struct {
	bundle string

	once     sync.Once
	registry *registry.Registry
	err      error
}

// verify lets distribution say whether the token is good for everything that was granted, and for nothing else.
func (v *verifier) verify(raw, subject string, granted []question) error {
	v.once.Do(func() { v.registry, v.err = registry.New(serviceName, issuerName, v.bundle) })
	if v.err != nil {
		return v.err
	}
	access := make([]scope.Scope, len(granted))
	for i, q := range granted {
		access[i] = scope.Scope{Type: q.kind, Name: q.name, Actions: q.actions}
	}
	return v.registry.Verify(raw, subject, access)
}
