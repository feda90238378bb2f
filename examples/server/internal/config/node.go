package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A reader reads the nodes of one file. What is wrong becomes a problem of the loader, and reading goes on, so that the owner
// sees all mistakes at once.
type reader struct {
	*loader

	file  string
	ahead *readAhead // nil when no rules were read ahead
}

// maxNodes bounds what is read of a configuration: YAML's aliases let a small file stand for an endless one.
const maxNodes = 20_000_000

func (r *reader) at(n *yaml.Node) Position { return Position{r.file, n.Line} }

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.problem(r.at(n), fmt.Errorf(format, args...))
}

func (r *reader) warn(n *yaml.Node, format string, args ...any) {
	r.warning(r.at(n), fmt.Sprintf(format, args...))
}

// resolve follows an alias to what it stands for.
func (r *reader) resolve(n *yaml.Node) *yaml.Node {
	r.nodes++
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func (r *reader) exhausted(n *yaml.Node) bool {
	if r.nodes <= maxNodes {
		return false
	}
	if !r.gaveUp {
		r.fail(n, "the aliases of this file stand for more than %d values", maxNodes)
	}
	r.gaveUp = true
	return true
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// mapping calls field for each key of a mapping. A field that does not know the key returns false, which is a problem, as is a
// key that comes twice. Null is an empty mapping.
func (r *reader) mapping(n *yaml.Node, what string, field func(key string, value *yaml.Node) bool) {
	r.entries(n, what, func(key, value *yaml.Node) {
		if !field(key.Value, value) {
			r.fail(key, "unknown key %q in %s", key.Value, what)
		}
	})
}

// entries calls entry for each key of a mapping that was not there before.
func (r *reader) entries(n *yaml.Node, what string, entry func(key, value *yaml.Node)) {
	if n = r.resolve(n); isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s must be a mapping (key: value) and is %s", what, kindOf(n))
		return
	}
	var merged []*yaml.Node
	var buffer [8]*yaml.Node
	seen := &keys{few: buffer[:0]}
	for i := 0; i+1 < len(n.Content) && !r.exhausted(n); i += 2 {
		key, value := r.resolve(n.Content[i]), n.Content[i+1]
		if key.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			r.fail(key, "a key in %s must be a text", what)
			continue
		}
		if first := seen.add(key); first != nil {
			r.fail(key, "the key %q is in %s twice, first in line %d", key.Value, what, first.Line)
			continue
		}
		entry(key, value)
	}
	for _, m := range merged {
		r.merge(m, what, seen, entry)
	}
}

// merge reads a "<<" key: the entries of other mappings that are not there yet.
func (r *reader) merge(n *yaml.Node, what string, seen *keys, entry func(key, value *yaml.Node)) {
	n = r.resolve(n)
	sources := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		sources = n.Content
	}
	for _, source := range sources {
		if source = r.resolve(source); source.Kind != yaml.MappingNode {
			r.fail(n, "<< in %s must name a mapping", what)
			return
		}
		for i := 0; i+1 < len(source.Content) && !r.exhausted(n); i += 2 {
			key := r.resolve(source.Content[i])
			if key.ShortTag() == "!!merge" {
				r.fail(key, "<< in a mapping that is merged itself is not read")
				return
			}
			if key.Kind == yaml.ScalarNode && seen.add(key) == nil {
				entry(key, source.Content[i+1])
			}
		}
	}
}

// sequence calls item for each item of a list. Null is an empty list.
func (r *reader) sequence(n *yaml.Node, what string, item func(*yaml.Node)) {
	if n = r.resolve(n); isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "%s must be a list and is %s", what, kindOf(n))
		return
	}
	for _, each := range n.Content {
		if r.exhausted(n) {
			return
		}
		item(r.resolve(each))
	}
}

// text reads a scalar as a text. Null is an empty one.
func (r *reader) text(n *yaml.Node, what string) string {
	if n = r.resolve(n); isNull(n) {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		r.fail(n, "%s must be a text and is %s", what, kindOf(n))
		return ""
	}
	return n.Value
}

// texts reads a list of texts.
func (r *reader) texts(n *yaml.Node, what string) []string {
	list := []string{}
	r.sequence(n, what, func(item *yaml.Node) { list = append(list, r.text(item, "an item of "+what)) })
	return list
}

func (r *reader) integer(n *yaml.Node, what string) int {
	text := r.text(n, what)
	number, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
	if err != nil {
		r.fail(n, "%s must be a whole number and is %q", what, text)
	}
	return number
}

// boolean reads what YAML 1.1 calls one, as docker_auth does: yes and on are true too.
func (r *reader) boolean(n *yaml.Node, what string) bool {
	switch text := r.text(n, what); strings.ToLower(text) {
	case "true", "yes", "on", "y":
		return true
	case "false", "no", "off", "n", "":
		return false
	default:
		r.fail(n, "%s must be true or false and is %q", what, text)
		return false
	}
}

// duration reads a time with its unit, such as 90s or 720h.
func (r *reader) duration(n *yaml.Node, what string) time.Duration {
	text := r.text(n, what)
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		r.fail(n, "%s must be a positive time with its unit, such as 30s or 720h, and is %q", what, text)
		return 0
	}
	return d
}

// durationOrNone is duration, with 0 for none.
func (r *reader) durationOrNone(n *yaml.Node, what string) time.Duration {
	if text := r.text(n, what); text == "0" || text == "0s" {
		return 0
	}
	return r.duration(n, what)
}

// atLeastOne reads a number of things.
func (r *reader) atLeastOne(n *yaml.Node, what string) int {
	number := r.integer(n, what)
	if number < 1 {
		r.fail(n, "%s must be at least 1", what)
	}
	return number
}

// given returns the node of a text, or nil when the text is empty, which says the same as nothing.
func (r *reader) given(n *yaml.Node, what string) *yaml.Node {
	if r.text(n, what) == "" {
		return nil
	}
	return n
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		return "a single value"
	}
}
