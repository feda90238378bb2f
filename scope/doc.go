// Package scope parses, formats and combines resource scopes: the strings with which a registry
// client says what it wants to do, such as
//
//	repository:team/app:pull,push
//
// [Parse] parses one scope. [ParseList] parses the scope parameters of a token request, and [Merge]
// combines the scopes of one resource. [Scope.Intersect] keeps the allowed actions:
//
//	asked, malformed := scope.ParseList(query["scope"]...)
//	for _, s := range scope.Merge(asked) {
//		granted := s.Intersect(allowed(s))
//	}
//
// # Grammar
//
// The grammar comes from the distribution project ("Docker Registry Token Scope and Access"), with
// the additions of real clients and registries:
//
//	scope         := resourcescope *( " " resourcescope )
//	resourcescope := type ":" name ":" actions
//	type          := alphanum *( "-" alphanum ) [ "(" class ")" ]
//	alphanum      := /[a-z0-9]+/
//	class         := /[a-z0-9]+/                              deprecated, and dropped
//	name          := [ host [ ":" port ] "/" ] component *( "/" component )
//	component     := alphanum *( separator alphanum )
//	separator     := "." | "_" | "__" | 1*"-"
//	actions       := action *( "," action )                   empty elements are dropped
//	action        := /[a-z]*/ | "*"
//
// A host may be followed by a colon and a port, so the type ends at the first colon of a scope and
// the actions begin after the last one. Names follow the grammar of
// github.com/distribution/reference, except that a host has neither upper case nor an IPv6 literal.
// A name has at most [MaxNameLength] bytes.
//
// Three additions come from the field: a hyphen in the type (Helm and ChartMuseum request
// artifact-repository), the action "*" (registry:catalog:*), and one empty name, repository::pull,
// which zot uses for its catalog; see [Scope.IsCatalog].
//
// # No normalization
//
// A scope is accepted or rejected as it stands: no case folding, no path cleaning, no decoding of
// percent-escapes. The policy sees exactly the name that the registry will compare.
package scope
