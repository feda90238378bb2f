package acl

import (
	"context"
	"sync/atomic"

	"github.com/berthpass/registry-auth/authz"
)

// A Coverage decides as its [List] does and remembers which rules have decided: for tests that want to know which rules no case
// reached.
//
//	coverage := acl.NewCoverage(list)
//	authztest.Run(t, coverage, table)
//	if unreached := coverage.Unreached(); len(unreached) > 0 {
//		t.Errorf("no case reaches rules %d", unreached)
//	}
//
// It is safe for concurrent use.
type Coverage struct {
	list    *List
	reached []atomic.Bool // at a rule's number less one
}

var _ authz.Authorizer = (*Coverage)(nil)

// NewCoverage returns a coverage of l in which no rule has decided yet.
func NewCoverage(l *List) *Coverage {
	return &Coverage{list: l, reached: make([]atomic.Bool, l.Len())}
}

// Authorize implements [authz.Authorizer].
func (c *Coverage) Authorize(_ context.Context, r authz.Request) (authz.Decision, error) {
	q := newQuestion(r)
	if isName(q.values[fieldName]) {
		if number := c.list.first(&q); number != 0 {
			c.reached[number-1].Store(true)
		}
	}
	return c.list.decide(&q, r.Scope), nil
}

// Unreached returns the numbers of the rules that have decided nothing so far, in their order.
func (c *Coverage) Unreached() []int {
	var unreached []int
	for i := range c.reached {
		if !c.reached[i].Load() {
			unreached = append(unreached, i+1)
		}
	}
	return unreached
}
