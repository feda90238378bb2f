package acl

import (
	"iter"
	"math/bits"
)

// maxPosition is the largest number in a set of positions, and so the length of the longest text that a template matches. No
// name is longer.
const maxPosition = 255

// positions is a set of offsets in a text, or of lengths.
type positions [(maxPosition + 1) / 64]uint64

func (p *positions) add(i int) { p[i/64] |= 1 << (i % 64) }

func (p *positions) has(i int) bool { return p[i/64]&(1<<(i%64)) != 0 }

func (p *positions) empty() bool { return *p == positions{} }

// all returns the members in ascending order.
func (p *positions) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for word, set := range p {
			for ; set != 0; set &= set - 1 {
				if !yield(word*64 + bits.TrailingZeros64(set)) {
					return
				}
			}
		}
	}
}
