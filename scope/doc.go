// Package scope reads, prints and combines resource scopes: the strings in which a registry client says what it wants
// to do, such as
//
//	repository:team/app:pull,push
//
// [Parse] reads one scope, [ParseList] reads what a token request carries (repeated parameters, each perhaps a
// space-separated list), and [Merge] makes one entry of all that is asked about the same resource. [Scope.Intersect]
// keeps what is allowed:
//
//	asked, malformed := scope.ParseList(query["scope"]...)
//	for _, s := range scope.Merge(asked) {
//		granted := s.Intersect(allowed(s))
//	}
//
// # Grammar
//
// The grammar is the one of the distribution project ("Docker Registry Token Scope and Access"), with what real clients
// and registries add to it:
//
//	scope         := resourcescope *( " " resourcescope )
//	resourcescope := type ":" name ":" actions
//	type          := alphanum *( "-" alphanum ) [ "(" class ")" ]     the class is deprecated: it is read and dropped
//	alphanum      := /[a-z0-9]+/
//	class         := /[a-z0-9]+/
//	name          := [ host [ ":" port ] "/" ] component *( "/" component )
//	component     := alphanum *( separator alphanum )
//	separator     := "." | "_" | "__" | 1*"-"
//	actions       := action *( "," action )                           empty elements are dropped
//	action        := /[a-z]*/ | "*"
//
// A host may hold a colon before its port, so the type ends at the first colon of a scope and the actions begin after
// the last one. Names are checked with the grammar of github.com/distribution/reference; upper case, which that grammar
// has for hosts, and IPv6 literals are refused. A name has at most [MaxNameLength] bytes.
//
// Three additions come from the field: a hyphen in the type (Helm and ChartMuseum ask for artifact-repository), the
// action "*" (registry:catalog:*), and one empty name, repository::pull, which zot wants for its catalog; see
// [Scope.IsCatalog].
//
// # Nothing is cleaned up
//
// A scope is read or refused, never repaired: no case folding, no path cleaning, no decoding of percent-escapes. What
// the policy sees is what the registry will compare.
package scope
