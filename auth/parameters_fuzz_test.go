package auth

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// The parameters are those of package net/url, and what it refuses is refused.
func FuzzParameters(f *testing.F) {
	for _, text := range []string{
		"service=a&scope=b:c:d&scope=e", "a", "a=", "=a", "&&", "a=b=c", "a+b=c%20d", "a;b=c", "a=%", "%zz=a", "a=%3B", "a=\xff", strings.Repeat("a&", 399),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Count(text, "&") >= maxParameters {
			t.Skip("more than are read")
		}
		want, refused := url.ParseQuery(text)
		list, err := parseParameters(text, "query")
		if (err == nil) != (refused == nil) {
			t.Fatalf("%q: error %v; net/url: %v", text, err, refused)
		}
		if err != nil {
			return
		}
		p, got := parameters{list: list}, url.Values{}
		for _, each := range list {
			got[each.name] = p.all(each.name)
			if first, found := p.first(each.name); found != len(got[each.name]) || first != got.Get(each.name) {
				t.Fatalf("%q: %q is %q, the first of %d, in %q", text, each.name, first, found, list)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %q; net/url: %q", text, got, want)
		}
	})
}
