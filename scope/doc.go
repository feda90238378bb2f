// Package scope parses, formats and combines resource scopes: the strings in which a client of a
// registry names the access it requests, such as
//
//	repository:team/app:pull,push
//
// [Parse] parses one scope. [ParseList] parses the scope parameters of a token request, and [Merge]
// combines the scopes of one resource. [Scope.Intersect] keeps the allowed actions:
//
//	requested, malformed := scope.ParseList(query["scope"]...)
//	for _, s := range scope.Merge(requested) {
//		fmt.Println("granted:", s.Intersect([]string{"pull"}))
//	}
//	fmt.Println("ignored:", malformed)
//
// # Grammar
//
// The grammar comes from the distribution project ("Docker Registry Token Scope and Access"), with
// the additions of real clients and registries:
//
//	scope         := resourcescope *( " " resourcescope )
//	resourcescope := type ":" name ":" actions
//	type          := alphanum *( ( "-" | "_" ) alphanum ) [ "(" class ")" ]
//	alphanum      := /[a-z0-9]+/
//	class         := /[a-z0-9]+/                              deprecated, and dropped
//	name          := [ host [ ":" port ] "/" ] component *( "/" component )
//	component     := alphanum *( separator alphanum )
//	separator     := "." | "_" | "__" | 1*"-"
//	actions       := action *( "," action )                   empty elements are dropped
//	action        := word *( "_" word ) | "*"
//	word          := /[a-z]+/
//
// A host may be followed by a colon and a port, so the type ends at the first colon of a scope and
// the actions begin after the last one. Names follow the grammar of
// github.com/distribution/reference, except that hosts must be lower case and cannot be IPv6
// literals. A name has at most 255 bytes.
//
// Four additions match what real clients and registries send: a hyphen in the type (Helm and
// ChartMuseum request artifact-repository), an underscore in types and actions (federated
// registries request x_account:name:view), the action "*" (registry:catalog:*), and one empty name,
// repository::pull, which zot uses for its catalog; see [Scope.IsCatalog].
//
// # The action "*" is never expanded
//
// In this package "*" is an action like any other: a requested "*" does not contain pull, and an
// allowed "*" does not allow pull. Distribution treats "*" in a token as every action, so grant it
// only for a requested "*", and only to those who may do everything with the resource.
//
// # Names are not normalized
//
// A name is accepted or rejected as it stands: no case folding, no path cleaning, no decoding of
// percent-escapes. The policy sees exactly the name that the registry will compare.
package scope
