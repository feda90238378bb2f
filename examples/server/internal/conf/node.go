package conf

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A Place is a line to which mistakes and warnings can be attached, also after the reading.
type Place struct {
	doc *Document
	Position
}

// Errorf records a mistake on this line.
func (p Place) Errorf(format string, args ...any) {
	p.doc.mistake(p.Position, fmt.Errorf(format, args...))
}

// Warnf records a warning about this line.
func (p Place) Warnf(format string, args ...any) {
	p.doc.Warnings = append(p.doc.Warnings, Warning{p.Position, fmt.Sprintf(format, args...)})
}

// On returns a place at another line.
func (p Place) On(at Position) Place { return Place{p.doc, at} }

// A Node is a value. Its line is that of its key, or its own if it is an item of a list.
type Node struct {
	Place

	yaml   *yaml.Node // aliases are resolved; nil if the value is absent
	name   string     // in messages
	key    string
	parent *Node
	inputs []byte // hashes of the files and variables that were read below
}

// maxNodes bounds what is read: YAML's aliases let a small file stand for an endless one.
const maxNodes = 20_000_000

// resolve follows an alias.
func (n *Node) resolve(y *yaml.Node) *yaml.Node {
	n.doc.nodes++
	for y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	return y
}

func (n *Node) exhausted() bool {
	if n.doc.nodes <= maxNodes {
		return false
	}
	if !n.doc.tooMany {
		n.doc.tooMany = true
		n.Errorf("the aliases of this file stand for more than %d values", maxNodes)
	}
	return true
}

func isNull(y *yaml.Node) bool { return y.Kind == yaml.ScalarNode && y.ShortTag() == "!!null" }

// Key returns the key of the value.
func (n *Node) Key() string { return n.key }

// Null reports whether the value is null or absent, which mean the same.
func (n *Node) Null() bool {
	return !n.doc.listing && (n.yaml == nil || isNull(n.yaml))
}

// IsList reports whether the value is a list.
func (n *Node) IsList() bool { return n.yaml != nil && n.yaml.Kind == yaml.SequenceNode }

// As returns the node with another name for messages.
func (n *Node) As(name string) *Node {
	n.name = name
	return n
}

// Absent returns a node for a key that is not there.
func (n *Node) Absent(key string) *Node { return n.child(key, nil, n.Line) }

func (n *Node) child(key string, value *yaml.Node, line int) *Node {
	place := Place{n.doc, Position{n.File, line}}
	return &Node{Place: place, yaml: value, name: key, key: key, parent: n}
}

// Entries reads a mapping whose keys the owner chooses. Null is an empty one.
func (n *Node) Entries(read func(key string, value *Node)) {
	switch {
	case n.doc.listing:
		read("NAME", n.child("NAME", nil, 0))
		return
	case n.Null():
		return
	case n.yaml.Kind != yaml.MappingNode:
		n.wrongKind("a mapping (key: value)")
		return
	}
	n.entries(n.yaml, false, make(map[string]int, len(n.yaml.Content)/2), read)
}

// entries reads those of a mapping that were not seen, and then those of the mappings that "<<"
// merges into it.
func (n *Node) entries(m *yaml.Node, inner bool, seen map[string]int, read func(string, *Node)) {
	var merged []*yaml.Node
	for i := 0; i+1 < len(m.Content) && !n.exhausted(); i += 2 {
		key, value := n.resolve(m.Content[i]), n.resolve(m.Content[i+1])
		switch first, known := seen[key.Value]; {
		case key.ShortTag() == "!!merge" && inner:
			n.at(key).Errorf("<< in a mapping that is merged itself is not read")
		case key.ShortTag() == "!!merge" && value.Kind == yaml.SequenceNode:
			merged = append(merged, value.Content...)
		case key.ShortTag() == "!!merge":
			merged = append(merged, value)
		case key.Kind != yaml.ScalarNode:
			n.at(key).Errorf("a key in %s must be a text", n.name)
		case known && !inner:
			n.at(key).Errorf("the key %q is in %s twice, first in line %d", key.Value, n.name, first)
		case !known:
			seen[key.Value] = key.Line
			read(key.Value, n.child(key.Value, value, key.Line))
		}
	}
	for _, source := range merged {
		if source = n.resolve(source); source.Kind != yaml.MappingNode {
			n.at(source).Errorf("<< in %s must name a mapping", n.name)
			return
		}
		n.entries(source, true, seen, read)
	}
}

func (n *Node) at(y *yaml.Node) Place { return n.On(Position{n.File, y.Line}) }

// Items reads a list. Null is an empty one.
func (n *Node) Items(read func(*Node)) {
	switch {
	case n.doc.listing:
		read(n.child("", nil, 0))
	case n.Null():
	case n.yaml.Kind != yaml.SequenceNode:
		n.wrongKind("a list")
	default:
		for _, item := range n.yaml.Content {
			if n.exhausted() {
				return
			}
			child := n.child("", n.resolve(item), item.Line)
			child.name = "an item of " + n.name
			read(child)
		}
	}
}

// Text reads a single value. Null is an empty one.
func (n *Node) Text() string {
	switch {
	case n.yaml == nil || n.Null():
		return ""
	case n.yaml.Kind != yaml.ScalarNode:
		n.wrongKind("a text")
		return ""
	default:
		return n.yaml.Value
	}
}

func (n *Node) wrongKind(want string) {
	is := "a single value"
	switch n.yaml.Kind {
	case yaml.MappingNode:
		is = "a mapping"
	case yaml.SequenceNode:
		is = "a list"
	}
	n.Errorf("%s must be %s and is %s", n.name, want, is)
}

// Texts reads a list of texts.
func (n *Node) Texts() []string {
	list := []string{}
	n.Items(func(item *Node) { list = append(list, item.Text()) })
	return list
}

// Int reads a whole number.
func (n *Node) Int() int {
	text := n.Text()
	number, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
	if err != nil {
		n.Errorf("%s must be a whole number and is %q", n.name, text)
	}
	return number
}

// Bool reads what YAML 1.1 calls a boolean, as docker_auth does: yes and on are true too.
func (n *Node) Bool() bool {
	switch text := n.Text(); strings.ToLower(text) {
	case "true", "yes", "on", "y":
		return true
	case "false", "no", "off", "n", "":
		return false
	default:
		n.Errorf("%s must be true or false and is %q", n.name, text)
		return false
	}
}

// Duration reads a time with its unit, such as 90s or 720h.
func (n *Node) Duration() time.Duration {
	text := n.Text()
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		n.Errorf("%s must be a positive time with its unit, such as 30s or 720h, and is %q",
			n.name, text)
		return 0
	}
	return d
}

// DurationOrZero is Duration, and accepts 0.
func (n *Node) DurationOrZero() time.Duration {
	if text := n.Text(); text == "0" || text == "0s" {
		return 0
	}
	return n.Duration()
}

// Sum identifies all that was read here and below, including files and environment variables.
func (n *Node) Sum() string {
	hash := sha256.New()
	hash.Write(n.inputs)
	visited := make(map[*yaml.Node]int) // aliases can lead in a circle
	var add func(y *yaml.Node)
	add = func(y *yaml.Node) {
		first, again := visited[y]
		if !again {
			visited[y] = len(visited)
		}
		fmt.Fprintf(hash, "%d %d %q %q %d\n", first, y.Kind, y.Tag, y.Value, len(y.Content))
		switch {
		case again:
		case y.Alias != nil:
			add(y.Alias)
		default:
			for _, each := range y.Content {
				add(each)
			}
		}
	}
	if n.yaml != nil {
		add(n.yaml)
	}
	return string(hash.Sum(nil))
}

// path is the keys that lead to the node, such as "server.addr".
func (n *Node) path() string {
	if n.parent == nil {
		return n.key
	}
	return strings.Trim(n.parent.path()+"."+n.key, ".")
}
