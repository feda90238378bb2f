package conf_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// read reads a text with the function for its root.
func read(t *testing.T, text string, root func(*conf.Node)) *conf.Document {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return conf.Read(path, "the configuration", os.Getenv, root)
}

// TestSum changes with all that is read: values, what aliases stand for, files and variables. It
// does not change with what is elsewhere, nor with comments.
func TestSum(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	sum := func(content, variable, text string) (sum string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("CONF_TEST", variable)
		read(t, text, func(n *conf.Node) {
			n.Entries(func(key string, n *conf.Node) {
				var one, other authn.Secret
				var list []string
				if key == "a" {
					n.Fields(conf.Secret("one", &one), conf.Secret("other", &other),
						conf.Texts("list", &list))
					sum = n.Sum()
				}
			})
		})
		return sum
	}
	text := "b: &b [x, y]\na: {one_file: " + file + ", other_env: CONF_TEST, list: *b}\n"
	want := sum("1", "2", text)
	for name, test := range map[string]struct {
		sum  string
		same bool
	}{
		"nothing":             {sum("1", "2", text), true},
		"a comment":           {sum("1", "2", "# c\n"+text), true},
		"another section":     {sum("1", "2", text+"c: 1\n"), true},
		"a file":              {sum("2", "2", text), false},
		"a variable":          {sum("1", "1", text), false},
		"what an alias names": {sum("1", "2", "b: &b [x, z]\n"+text[len("b: &b [x, y]\n"):]), false},
		"how a list is cut":   {sum("1", "2", "b: &b [xy]\n"+text[len("b: &b [x, y]\n"):]), false},
	} {
		if got := test.sum == want; got != test.same {
			t.Errorf("%s changes: the sum is the same: %t", name, got)
		}
	}
	for _, endless := range []string{"a: &a {list: *a}\n", "a: &a {list: [*a, *a, {<<: *a}]}\n"} {
		if sum("", "", endless) == "" {
			t.Errorf("%q has no sum", endless)
		}
	}
}

// TestChangedAtStart: what is only written out, as it was before, is no change.
func TestChangedAtStart(t *testing.T) {
	at := func(text string) *conf.Document {
		return read(t, text, func(root *conf.Node) {
			period, number, choice := time.Hour, 3, "tcp"
			var list []string
			root.Fields(conf.Func("section", func(n *conf.Node) {
				n.Fields(
					conf.Duration("period", &period).AtStart(), conf.Int("number", &number, 1),
					conf.OneOf("choice", &choice, "tcp", "unix").AtStart(),
					conf.Texts("list", &list).AtStart(),
				)
			}))
		})
	}
	before := at("section: {}\n")
	for text, want := range map[string][]string{
		"section: {period: 60m, choice: tcp}\n": nil,
		"section: {choice: ''}\n":               nil,
		"section: {number: 4}\n":                nil,
		"section: {period: 1m, choice: unix}\n": {"section.choice", "section.period"},
		"section: {list: [a]}\n":                {"section.list"},
	} {
		if got := conf.ChangedAtStart(before, at(text)); !slices.Equal(got, want) {
			t.Errorf("%q changes %q, want %q", text, got, want)
		}
	}
}

// TestKeys lists what a reader knows, without a file.
func TestKeys(t *testing.T) {
	var text string
	var secret authn.Secret
	keys := conf.Keys(func(n *conf.Node) {
		n.Fields(
			conf.Text("a", &text).AtStart(),
			conf.Func("b", func(n *conf.Node) {
				n.Entries(func(_ string, n *conf.Node) { n.Fields(conf.Secret("c", &secret)) })
			}),
			conf.Func("d", func(n *conf.Node) {
				n.Items(func(n *conf.Node) { n.Fields(conf.Text("e", &text)) })
			}),
			conf.Removed("f", "it is gone"),
		)
	})
	want := []conf.Key{
		{Path: "a", AtStart: true},
		{Path: "b"},
		{Path: "b.NAME.c_file"},
		{Path: "b.NAME.c_env"},
		{Path: "b.NAME.c"},
		{Path: "d"},
		{Path: "d.e"},
	}
	if !slices.Equal(keys, want) {
		t.Errorf("the keys are %v, want %v", keys, want)
	}
}
