// Package acl decides by a list of rules in the form of cesanta/docker_auth's configuration. The
// first rule that matches a request grants its actions, or refuses if it has none.
//
//	rules, err := acl.ParseJSON([]byte(`[
//		{"match": {"name": "public/*"}, "actions": ["pull"], "comment": "open to everybody"},
//		{"match": {"account": "/.+/", "name": "${account}/*"}, "actions": ["*"]}
//	]`))
//	…
//	list, warnings, err := acl.Compile(rules)
//	…
//	var policy acl.Policy // an authz.Authorizer
//	policy.Replace(list)  // also while the policy is in use
//
// A [Rule] can also be written in Go or decoded from YAML. A [List] is itself an authorizer. Its
// method Explain tells which rule decided and which rules nearly matched. A test that collects the
// field Rule of its explanations finds the rules that no test case reaches.
//
// # Patterns
//
// The fields account, type, name and service of a match and the values of its labels are patterns:
//
//   - A glob, as in [path.Match], matches the whole text: * and ? do not match a slash, [a-z] is a
//     class, and a backslash makes the next character a literal.
//   - A regular expression between slashes, as in [regexp], matches anywhere unless it is anchored.
//     For alice, /${account}\/.+/ matches evil/alice/app, but /^${account}\/.+$/ does not.
//
// The field ip is an IPv4 or IPv6 address or a CIDR prefix. It does not match a request whose
// address is unknown. A pattern under labels must match one of the subject's values of that label.
//
// An absent field matches anything. An empty string matches only the empty string, so an empty
// account is the anonymous subject. require_account excludes the anonymous subject.
//
// # Templates
//
// A pattern may contain ${account}, ${type}, ${name} and ${service}; ${labels:group} for each of
// the subject's values of the label group; and ${account:1} for a capture group of the rule's own
// expression for account (or type, name, service). A label that occurs twice in one pattern has the
// same value in both places. Different labels are combined freely, but two labels that each occur
// twice in one pattern are an error.
//
// # Differences from docker_auth
//
// Decisions are the same except in these cases. In most of them docker_auth grants more than its
// rules say:
//
//   - Values in templates are literals. The label * or .* matches only a name with these
//     characters.
//   - A pattern does not match if one of its templates has no value or an empty one. So
//     ${account}/* does not mean /* for the anonymous subject.
//   - ${account} and its capture groups have no value if the account contains a slash: the user
//     alice/team owns nothing in alice's namespace. Labels may contain slashes, since groups may be
//     paths.
//   - Names that have an empty, "." or ".." component, a character that no registry allows, or more
//     than 255 bytes are always refused. Upper case is allowed here; package scope refuses it
//     earlier.
//   - A service account may have a user's name, so it matches no rule with an account, and
//     ${account} has no value. Rules can match its labels.
//   - require_account works.
//   - zot's request for the catalog, repository::pull, is decided like registry:catalog:*. It gets
//     pull where the rule grants "*".
//   - Globs with templates match at most 255 bytes, and templates in expressions have values of at
//     most 255 bytes. An expression that needs more than 1000 values does not match.
//
// # Checks
//
// [Compile] refuses bad patterns, unknown variables and rules without match. It warns of rules that
// let everybody push, that list actions which no client requests, or that never match: because an
// earlier rule covers them (not all such rules are found) or a capture group does not exist.
//
// # Cost
//
// An index selects the rules to try by the beginnings of account, type, name, service and labels,
// also after ${account} or a label in a name. Expressions without ^ and globs that begin with * are
// tried one by one, and each expression takes some kilobytes. So write thousands of rules as globs.
//
// No name or label makes a match slow. The time depends on the length of the text and on the sum of
// the numbers of label values, not on their product. Expressions with templates are compiled when a
// request first needs them, and the last 512 are cached.
package acl
