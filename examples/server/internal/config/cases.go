package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
)

// A Case is a question to the rules, and the answer that is expected.
type Case struct {
	Position

	// Subject asks; without a name it is the anonymous subject. Its labels are those of the user of that name, unless the case
	// has its own.
	Subject authn.Subject
	// Service is the one that the case names, or else the only one there is.
	Service string
	// Addr is the client's address, or the zero Addr.
	Addr netip.Addr
	// Scope is what is asked for, Granted what a token would contain: sorted, and empty for nothing.
	Scope   scope.Scope
	Granted []string
}

// LoadCases reads a file with a list of cases, or with a list under the key tests.
func (c *Config) LoadCases(path string) ([]Case, error) {
	l := &loader{cfg: &Config{File: path, Users: c.Users, AnonymousLabels: c.AnonymousLabels, Token: c.Token}}
	content, err := l.readFile(path)
	if err != nil {
		return nil, &PositionError{Position{path, 0}, bare(err)}
	}
	if root := l.parse(path, content); root != nil {
		r := &reader{loader: l, file: path}
		if root.Kind == yaml.SequenceNode {
			r.tests(root)
		} else {
			r.mapping(root, "a file of cases", func(key string, value *yaml.Node) bool {
				if key == "tests" {
					r.tests(value)
				}
				return key == "tests"
			})
		}
	}
	l.checkTests()
	return l.cfg.Tests, joinProblems(l.problems)
}

func (r *reader) tests(n *yaml.Node) {
	r.sequence(n, "tests", func(item *yaml.Node) {
		r.cfg.Tests = append(r.cfg.Tests, r.testCase(item))
	})
}

func (r *reader) testCase(n *yaml.Node) Case {
	c, scopeGiven, grantedGiven := Case{Position: r.at(n)}, false, false
	r.mapping(n, "a case", func(key string, value *yaml.Node) bool {
		switch key {
		case "account":
			c.Subject.Name = r.text(value, key)
		case "labels":
			c.Subject.Labels = r.labels(value)
		case "service":
			c.Service = r.text(value, key)
		case "ip":
			address, err := netip.ParseAddr(r.text(value, key))
			if err != nil {
				r.fail(value, "ip: %q is not an address", r.text(value, key))
			}
			c.Addr = address
		case "scope":
			asked, err := scope.Parse(r.text(value, key))
			if err != nil {
				r.fail(value, "scope: %w", err)
			}
			c.Scope, scopeGiven = asked, true
		case "granted":
			c.Granted, grantedGiven = r.actions(value), true
		default:
			return false
		}
		return true
	})
	if !scopeGiven || !grantedGiven {
		r.fail(n, `a case needs scope and granted; write granted: "" for nothing`)
	}
	for _, action := range c.Granted {
		if scopeGiven && !c.Scope.Has(action) && len(c.Scope.Type) > 0 {
			r.fail(n, "the case expects %q, which its scope does not ask for", action)
		}
	}
	return c
}

// actions reads "pull,push" or a list.
func (r *reader) actions(n *yaml.Node) []string {
	list := []string{}
	if n = r.resolve(n); n.Kind == yaml.SequenceNode {
		list = r.texts(n, "granted")
	} else {
		for action := range strings.SplitSeq(r.text(n, "granted"), ",") {
			if action = strings.TrimSpace(action); action != "" {
				list = append(list, action)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// checkTests completes the cases with what the rest of the configuration says.
func (l *loader) checkTests() {
	labels := make(map[string]map[string][]string, len(l.cfg.Users))
	for _, user := range l.cfg.Users {
		labels[user.Name] = user.Labels
	}
	names := l.cfg.Token.serviceNames()
	for i := range l.cfg.Tests {
		c := &l.cfg.Tests[i]
		switch {
		case c.Subject.Labels != nil:
		case c.Subject.Anonymous():
			c.Subject.Labels = l.cfg.AnonymousLabels
		default:
			c.Subject.Labels = labels[c.Subject.Name]
		}
		if c.Service == "" && len(names) == 1 {
			c.Service = names[0]
		}
		switch {
		case len(names) > 1 && c.Service == "":
			l.problem(c.Position, errors.New("a case needs a service, since there are several"))
		case len(names) > 0 && !slices.Contains(names, c.Service):
			l.problem(c.Position, fmt.Errorf("the case is about the service %q, for which no tokens are issued", c.Service))
		}
	}
}
