package section

import (
	"github.com/berthpass/registry-auth/authz/acl"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// fields are the three keys of a list, where they are beside others.
func (l *RuleList) fields(tests *Tests) []conf.Field {
	read := func(n *conf.Node) { l.read(n, tests) }
	return []conf.Field{
		conf.Func("acl", read), conf.Func("acl_file", read), conf.Func("acl_dir", read),
	}
}

// read reads one of the keys acl, acl_file and acl_dir. The rules come after those of earlier ones.
func (l *RuleList) read(n *conf.Node, tests *Tests) {
	if n.Null() {
		return
	}
	l.given = true
	switch n.Key() {
	case "acl_file":
		l.include(n, n.Text(), tests)
	case "acl_dir":
		for _, path := range n.Folder() {
			l.include(n, path, tests)
		}
	default:
		n.Items(l.rule)
	}
}

// include reads a file with a list of rules, or with the keys acl and tests.
func (l *RuleList) include(n *conf.Node, path string, tests *Tests) {
	n.Include(path, "a file of rules", func(n *conf.Node) {
		if n.IsList() {
			n.As("acl").Items(l.rule)
			return
		}
		n.Fields(
			conf.Func("acl", func(n *conf.Node) { n.Items(l.rule) }),
			conf.Func("tests", tests.Read),
		)
	})
}

func (l *RuleList) rule(n *conf.Node) {
	var rule acl.Rule
	n.As("a rule").Fields(
		conf.Func("match", func(n *conf.Node) {
			if !n.Null() {
				rule.Match = match(n)
			}
		}),
		conf.Texts("actions", &rule.Actions),
		conf.Text("comment", &rule.Comment),
		conf.Bool("require_account", &rule.RequireAccount),
	)
	l.rules = append(l.rules, rule)
	l.Positions = append(l.Positions, n.Position)
}

func match(n *conf.Node) *acl.Match {
	m := &acl.Match{}
	n.Fields(
		pattern("account", &m.Account), pattern("type", &m.Type), pattern("name", &m.Name),
		pattern("service", &m.Service), pattern("ip", &m.IP),
		conf.Func("labels", func(n *conf.Node) {
			m.Labels = make(map[string]string)
			n.As("match.labels").Entries(func(label string, n *conf.Node) {
				if text := patternText("labels."+label, n); text != nil {
					m.Labels[label] = *text
				}
			})
		}),
	)
	return m
}

func pattern(key string, p **string) conf.Field {
	return conf.Func(key, func(n *conf.Node) { *p = patternText(key, n) })
}

// patternText reads a condition. For docker_auth, one without a value matches everything, which
// nobody means who writes it.
func patternText(key string, n *conf.Node) *string {
	if n.Null() {
		n.Errorf(`match.%s has no value; write "" for the empty text, `+
			"or leave it out to match everything", key)
		return nil
	}
	text := n.As("match." + key).Text()
	return &text
}
