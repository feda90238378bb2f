package config

import (
	"bytes"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

// The nodes of a YAML file take twenty times the memory of its text, and the runtime never gives back what it needs to manage
// that much. So a long list of rules is read in parts, each of which is forgotten before the next is read.

// A part is some of the items of a list, and the line on which they begin.
type part struct {
	line int
	text []byte
}

// partBytes is about the length of a part.
const partBytes = 1 << 20

// cutRules cuts the list under the key acl at the left margin into parts of about that size, and returns the rest of the file with
// an empty list on the line of the key, and all other lines where they were. There are no parts when the list is short or is not
// written with an item below the other. It goes by the margin alone: where that misleads, what it returns is not YAML.
func cutRules(content []byte, size int) (rest []byte, line int, parts []part) {
	key := regexp.MustCompile(`(?m)^acl:()[ \t]*(?:[ \t]#.*)?\n`).FindSubmatchIndex(content)
	if key == nil || hasOtherBreaks(content) {
		return nil, 0, nil
	}
	begin := key[1]
	line = bytes.Count(content[:begin], []byte("\n"))
	end, parts := cutItems(content[begin:], line+1, size)
	if len(parts) < 2 {
		return nil, 0, nil
	}
	list := content[begin : begin+end]
	rest = bytes.Join([][]byte{
		content[:key[2]], []byte(" []"), content[key[2]:begin],
		bytes.Repeat([]byte("\n"), bytes.Count(list, []byte("\n"))), content[begin+end:],
	}, nil)
	return rest, line, parts
}

// hasOtherBreaks reports whether the text has what YAML takes for the end of a line, besides the usual one.
func hasOtherBreaks(text []byte) bool {
	return slices.ContainsFunc([]string{"\r", "\u0085", "\u2028", "\u2029"}, func(end string) bool { return bytes.Contains(text, []byte(end)) })
}

// cutItems cuts a list that begins on that line. It ends before the first line at the left margin that is no item.
func cutItems(list []byte, line, size int) (end int, parts []part) {
	margin, current := -1, part{line: line}
	for text := range bytes.Lines(list) {
		trimmed := bytes.TrimLeft(text, " ")
		column := len(text) - len(trimmed)
		switch {
		case len(bytes.TrimSpace(trimmed)) == 0 || trimmed[0] == '#' || margin >= 0 && column > margin:
		case bytes.HasPrefix(trimmed, []byte("- ")) && (margin < 0 || column == margin):
			if margin >= 0 && len(current.text) >= size {
				parts = append(parts, current)
				current = part{line: line}
			}
			margin = column
		case column == 0 && margin >= 0:
			return end, append(parts, current)
		default:
			return 0, nil
		}
		current.text = list[end-len(current.text) : end+len(text)]
		end += len(text)
		line++
	}
	return end, append(parts, current)
}

// readAhead is the rules of the list on that line, which were read before the rest of the file.
type readAhead struct {
	line  int
	rules Rules
}

// read returns the root of a file that may have many rules, and its reader.
func (l *loader) read(path string, content []byte) (*yaml.Node, *reader) {
	if root, ahead := l.readParts(path, content, partBytes); root != nil {
		return root, &reader{loader: l, file: path, ahead: ahead}
	}
	return l.parse(path, content), &reader{loader: l, file: path}
}

// readParts reads the rules in parts. It returns nothing when that cannot be done, and the file has to be read as a whole: when
// it is not YAML, in which case it also takes the whole to say why, or when an alias stands in another part than its anchor.
func (l *loader) readParts(path string, content []byte, size int) (*yaml.Node, *readAhead) {
	rest, line, parts := cutRules(content, size)
	if len(parts) == 0 {
		return nil, nil
	}
	trial := &loader{cfg: &Config{}}
	r := &reader{loader: trial, file: path}
	root := trial.parse(path, rest)
	if root == nil || !hasListAt(root, line) {
		return nil, nil
	}
	ahead := &readAhead{line: line}
	for _, p := range parts {
		// Empty lines in front make the lines of the nodes those of the file.
		items := trial.parse(path, append(bytes.Repeat([]byte("\n"), p.line-1), p.text...))
		if items == nil {
			return nil, nil
		}
		r.ruleList(items, &ahead.rules)
	}
	l.problems, l.nodes = append(l.problems, trial.problems...), l.nodes+trial.nodes
	return root, ahead
}

// hasListAt reports whether the list that stands for the parts is one, and not a piece of a text.
func hasListAt(root *yaml.Node, line int) bool {
	if root.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if key.Line == line && key.Value == "acl" && value.Kind == yaml.SequenceNode {
			return true
		}
	}
	return false
}
