package refreshfile

import (
	"slices"

	"github.com/berthpass/registry-auth/token"
)

// A commit is a group of changes that reach the disk together. They are made in memory at once, and taken back when they do not
// get there. The Store's lock guards it until the writer closes done.
type commit struct {
	changes []change
	done    chan struct{}
	err     error // valid when done is closed
}

// A change is what becomes of a family.
type change struct {
	family token.RefreshHash
	after  *token.RefreshRecord // nil: removed
	before *token.RefreshRecord // nil: there was none
	final  bool                 // is not taken back
}

func newCommit() *commit { return &commit{done: make(chan struct{})} }

// change makes a change that is taken back when it does not reach the disk.
func (c *commit) change(records *records, family token.RefreshHash, after *token.RefreshRecord) {
	next := change{family: family, after: after}
	if before, known := records.byFamily[family]; known {
		next.before = &before
	}
	records.set(family, after)
	c.changes = append(c.changes, next)
}

// erase removes a family, and never takes that back.
func (c *commit) erase(records *records, family token.RefreshHash) {
	records.set(family, nil)
	c.changes = append(c.changes, change{family: family, final: true})
}

// forget keeps takeBack from bringing back what is being erased. A nil commit has nothing.
func (c *commit) forget(match func(token.RefreshRecord) bool) {
	if c == nil {
		return
	}
	for i := range c.changes {
		if before := c.changes[i].before; before != nil && match(*before) {
			c.changes[i].before = nil
		}
	}
}

// takeBack undoes the changes, the last one first.
func (c *commit) takeBack(records *records) {
	for _, ch := range slices.Backward(c.changes) {
		if !ch.final {
			records.set(ch.family, ch.before)
		}
	}
}

// end tells those who wait.
func (c *commit) end(err error) {
	c.err = err
	close(c.done)
}
