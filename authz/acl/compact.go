package acl

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
)

// A list keeps its rules as numbers into tables. So 100 000 rules take some megabytes, in which the garbage collector finds no
// pointer to follow; as strings and pointers they were three times as much.

// tables is what the rules of a list refer to. What several rules have in common is there once.
type tables struct {
	entries    []entry
	patterns   patterns
	conditions []labelCondition
	labels     []string // names of labels
	addresses  []netip.Prefix
	actions    []actions
	comments   texts
}

// entry is what a list keeps of a rule: positions in its tables.
type entry struct {
	fields         [fieldCount]patternNumber // 0 for no condition
	labels, end    uint32                    // of its conditions on labels
	addresses      uint32                    // from 1; 0 for no condition
	actions        uint32
	comment        uint32
	requireAccount bool
}

// A patternNumber is the position of a pattern, from 1; 0 is no pattern.
type patternNumber uint32

type labelCondition struct {
	label   uint32
	pattern patternNumber
}

// patterns is compiled patterns.
type patterns struct {
	texts    texts
	programs []uint32 // positions in matchers
	matchers []matcher
}

func (p *patterns) at(number patternNumber) pattern {
	i := uint32(number - 1)
	return pattern{text: p.texts.at(i), program: p.matchers[p.programs[i]]}
}

// texts is many short strings, cut from one.
type texts struct {
	all  string
	ends []uint32
}

func (t *texts) at(i uint32) string {
	begin := uint32(0)
	if i > 0 {
		begin = t.ends[i-1]
	}
	return t.all[begin:t.ends[i]]
}

// A textBuilder collects texts, each of them once.
type textBuilder struct {
	all     strings.Builder
	ends    []uint32
	numbers map[string]uint32
}

// maxTexts bounds the bytes of all texts together.
const maxTexts = math.MaxUint32

// add returns the position of s.
func (b *textBuilder) add(s string) (uint32, error) {
	if i, found := b.numbers[s]; found {
		return i, nil
	}
	if b.all.Len()+len(s) > maxTexts {
		return 0, fmt.Errorf("the texts of all rules are longer than %d bytes", uint32(maxTexts))
	}
	b.all.WriteString(s)
	if b.numbers == nil {
		b.numbers = make(map[string]uint32)
	}
	i := uint32(len(b.ends))                     //nolint:gosec // there are no more than bytes, and the empty text
	b.ends = append(b.ends, uint32(b.all.Len())) //nolint:gosec // maxTexts
	b.numbers[s] = i
	return i, nil
}

// texts returns what was added, in as much memory as it needs.
func (b *textBuilder) texts() texts {
	return texts{all: strings.Clone(b.all.String()), ends: slices.Clone(b.ends)}
}
