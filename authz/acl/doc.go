// Package acl decides by a list of rules, in the form of cesanta/docker_auth's configuration: the first rule that matches a
// request decides, and grants its actions or, with an empty list, refuses.
//
//	rules, err := acl.ParseJSON([]byte(`[
//		{"match": {"name": "public/*"}, "actions": ["pull"], "comment": "anybody may pull these"},
//		{"match": {"account": "/.+/", "name": "${account}/*"}, "actions": ["*"], "comment": "one's own namespace"}
//	]`))
//	…
//	list, warnings, err := acl.Compile(rules)
//	…
//	policy := acl.NewPolicy(list) // an authz.Authorizer; policy.Replace installs another list
//
// A [Rule] can also be written in Go, or decoded from YAML. A [List] is a policy that never changes, a [Policy] one whose list
// can be replaced while it is in use. [List.Explain] says which rule decided and which were close.
//
// # Patterns
//
// The fields account, type, name and service of a match, and the values of its labels, are patterns of one of two kinds:
//
//   - a glob as in [path.Match]: * and ? do not cross a slash, [a-z] is a class, and a backslash takes the next character
//     literally. It has to match the whole text.
//   - a regular expression between slashes, as in [regexp]. It may match anywhere: anchor it with ^ and $. The expression
//     /${account}\/.+/ matches evil/alice/app for alice, and /^${account}\/.+$/ does not.
//
// ip is an address or a CIDR prefix, of IPv4 or IPv6, and does not match a request whose address is not known. A pattern under
// labels has to match one of the values that the subject has for that label.
//
// A field that is absent matches anything, and an empty string only the empty string. An empty account is thus the anonymous
// subject, and no account at all is everybody. A rule with require_account does not match the anonymous subject.
//
// # Templates
//
// Patterns may contain ${account}, ${type}, ${name} and ${service}, ${labels:group} for each of the subject's values of the
// label group, and ${account:1} for a capture group of the rule's own expression for account (or type, name, service). A label
// that occurs twice in one pattern stands for the same value in both places; different labels are combined freely,
// but for two labels that each occur twice in one pattern, which is an error.
//
// # Where this is not what docker_auth does
//
// Decisions are the same but for these cases, in most of which docker_auth grants more than its rules say:
//
//   - What a template stands for is taken literally. A user whose label is * or .* gets no more than a repository of that name.
//   - A template stands for something: where its value is empty or the subject lacks the label, the pattern does not match. So
//     ${account}/* is not /* for the anonymous subject.
//   - An account with a slash, and what an expression captures from it, stand for nothing in a template: the user alice/team
//     does not own a part of alice's namespace. Slashes in labels are kept, since groups may be paths.
//   - Names with an empty, "." or ".." component or with characters that no registry has, and names of more than 255 bytes, are
//     refused, whatever the rules say. Upper case is matched as it is; package scope refuses it earlier.
//   - A service account has no account here, because it may have a user's name: no rule with an account matches it, and
//     ${account} stands for nothing. Rules can name its labels.
//   - require_account is honored.
//   - zot's request for the catalog, repository::pull, is decided as registry:catalog:* is, and pull granted where * would be.
//   - Texts of more than 255 bytes match no glob with a template, and no template in an expression stands for more. An
//     expression in which more than 1000 values occur does not match.
//
// # What is checked, and when
//
// [Compile] compiles everything: a bad pattern, an unknown variable or a rule without match is an error, and no request meets
// it. Warnings are about rules that let everybody push, that have actions which nobody asks for, and that can never match
// because an earlier rule covers them (not every such rule is found) or because they name a capture group that is not there.
//
// # Cost
//
// Rules are indexed by what they fix: the account or what it begins with, the same of the name (also behind ${account} or a
// label) and of the service, and the values of labels. Each is filed under that of these which it shares with the fewest
// others, so that a decision tries few of many rules. Expressions that are not anchored with ^ and globs that begin with *
// fix nothing: these are tried one by one. A compiled expression takes some kilobytes, so many thousand of them are better
// written as globs.
//
// Neither a name nor a label can make a match slow. Globs and expressions take time in proportion to their text, and a pattern
// with several labels takes the sum and not the product of the numbers of their values. Expressions with templates are
// compiled when a request first needs them, and kept.
package acl
