// Package acl authorizes requests by a list of rules in the format of cesanta/docker_auth. The
// first rule that matches a request decides alone: it grants those of its actions that are
// requested, or refuses if it has none. If no rule matches, nothing is granted.
//
//	rules, err := acl.ParseJSON([]byte(`[
//		{"match": {"name": "public/*"}, "actions": ["pull"], "comment": "open to everybody"},
//		{"match": {"name": "${account}/*"}, "actions": ["*"]}
//	]`))
//	…
//	list, warnings, err := acl.Compile(rules)
//	…
//	var policy acl.Policy // an authz.Authorizer
//	policy.Replace(list)  // also while the policy is in use
//
// A [Rule] can also be written in Go or decoded from YAML. Most YAML decoders ignore unknown keys
// and nulls, but a rule that loses a condition matches more requests. Refuse both, or convert the
// YAML to JSON for [ParseJSON].
//
// A [List] is itself an authorizer. Its method Explain tells which rule decided and which rules
// nearly matched. Collect Explanation.Rule in a test to find the rules that no case reaches.
//
// # Patterns
//
// The fields account, type, name and service of a match and the values of its labels are patterns:
//
//   - A glob, as in [path.Match], matches the whole text: * and ? do not match a slash, [a-z] is a
//     class, and a backslash makes the next character a literal.
//   - A regular expression between slashes, as in [regexp], matches anywhere unless it is anchored.
//     For alice, /${account}/.+/ matches evil/alice/app, but /^${account}/.+$/ does not. JSON needs
//     \\ for a backslash.
//
// The field ip is an IPv4 or IPv6 address or a CIDR prefix; ::ffff:10.0.0.1 is 10.0.0.1. It does
// not match a request whose address is unknown. A pattern under labels must match one of the
// subject's values of that label.
//
// An absent field matches anything: without type, the name * also matches registry:catalog:*, the
// list of all repositories. An empty string matches only the empty string, so account "" matches
// only the anonymous subject. require_account excludes the anonymous subject.
//
// A refusing rule that does not match refuses nothing, so a later rule may grant. Mind unknown
// addresses, service accounts and the limits below, or grant less instead of refusing.
//
// # Variables
//
// A pattern may contain the variables ${account}, ${type}, ${name} and ${service}; ${labels:group}
// for each of the subject's values of the label group; and ${account:1} for a capture group of the
// rule's own expression for account (or type, name, service). Labels vary independently. A label
// that occurs twice or under a quantifier has the same value each time; only one label may do so.
//
// # Differences from docker_auth
//
// Decisions are the same except in these cases. In most of them docker_auth grants more than its
// rules say:
//
//   - Values of variables are literal text: a label value * or .* is no wildcard.
//   - A variable without a value, or with an empty one, matches nothing. So ${account}/* does not
//     mean /* for the anonymous subject. /^(${account}|shared)\/.+$/ still matches shared/app.
//   - ${account} and its capture groups have no value if the account contains a slash: the user
//     alice/team owns nothing in alice's namespace. Labels may contain slashes, since groups may be
//     paths.
//   - Names of any type with an empty, "." or ".." component, a character that no registry allows,
//     or more than 255 bytes are always refused. Upper case is allowed here; package scope refuses
//     it earlier.
//   - A service account may have a user's name, so it matches no rule with an account pattern, not
//     even a refusing one, and ${account} has no value. Match labels. It passes require_account.
//   - require_account is enforced; docker_auth ignores it.
//   - zot's request for the catalog, repository::pull, is decided as registry:catalog:*, and gets
//     pull if the rule grants "*".
//   - Globs with variables match at most 255 bytes, and variables in expressions have values of at
//     most 255 bytes of UTF-8. An expression that has to try more than 1000 values does not match.
//
// # Checks
//
// [Compile] refuses bad patterns and addresses, unknown variables, and rules without match or
// actions. It warns of rules that let everybody push, that list actions no client requests or "*"
// next to others, that name a capture group which does not exist, or that never match because an
// earlier rule covers them (not all are found) or the name is invalid.
//
// # Cost
//
// An index selects the rules to try by the literal beginnings of their patterns, in a name also
// after ${account} or a label. Expressions without ^ and globs that begin with * are tried one by
// one, and each expression takes some kilobytes. If you have thousands of rules, write globs.
//
// The time of a match grows with the length of the text and the number of label values, not with
// their combinations, unless a label can occur twice. Expressions with variables are compiled for
// each new set of values, and the last 512 are cached. If you have hundreds of users, write globs.
package acl
