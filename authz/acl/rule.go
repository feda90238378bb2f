package acl

import "fmt"

// A Rule grants actions to the requests that it matches, or refuses them. The tags are the keys of docker_auth's
// configuration file. Of its strings, the [List] that is compiled from a rule may keep those of patterns that are more than
// globs, and names of labels and actions; the rest is copied.
type Rule struct {
	// Match says which requests the rule is about. It is required, since a rule without it would be about everything.
	Match *Match `json:"match" yaml:"match"`
	// Actions are what the rule grants. They are required: an empty list refuses, and a nil one is an error. The single
	// action "*" grants whatever is asked; beside others it is one action of that name.
	Actions []string `json:"actions" yaml:"actions"`
	// Comment becomes part of the decision's reason.
	Comment string `json:"comment,omitempty" yaml:"comment,omitempty"`
	// RequireAccount keeps the rule from matching the anonymous subject.
	RequireAccount bool `json:"require_account,omitempty" yaml:"require_account,omitempty"`
}

// A Match is the conditions of a [Rule], all of which must hold. A nil field matches anything, and the empty string matches
// only the empty string. Each field but IP is a pattern; the package documentation has the syntax.
type Match struct {
	// Account is the subject's name; that of the anonymous subject is empty. A service account matches no pattern here.
	Account *string `json:"account,omitempty" yaml:"account,omitempty"`
	// Type is the resource type, such as "repository".
	Type *string `json:"type,omitempty" yaml:"type,omitempty"`
	// Name is the resource's name.
	Name *string `json:"name,omitempty" yaml:"name,omitempty"`
	// Service is the registry that the token is for.
	Service *string `json:"service,omitempty" yaml:"service,omitempty"`
	// IP is the client's address, as an address or a CIDR prefix. A request whose address is not known does not match.
	IP *string `json:"ip,omitempty" yaml:"ip,omitempty"`
	// Labels has a pattern for each label named here, which one of the subject's values of that label must match.
	Labels map[string]string `json:"labels,omitempty" yaml:"labels,omitempty"`
}

// A RuleError says what is wrong with a rule.
type RuleError struct {
	// Number is the position of the rule in its list, from 1.
	Number int
	// Key is the key of the rule that is wrong, such as "match.name".
	Key string
	// Err says what is wrong with it.
	Err error
}

// Error returns the rule's number, the key and what is wrong.
func (e *RuleError) Error() string { return fmt.Sprintf("rule %d: %s: %v", e.Number, e.Key, e.Err) }

// Unwrap returns Err.
func (e *RuleError) Unwrap() error { return e.Err }

// A Warning is about a rule that is well-formed and probably not what its author wanted.
type Warning struct {
	// Number is the position of the rule in its list, from 1.
	Number int
	// Text says what is odd about the rule.
	Text string
}

// String returns the rule's number and the text.
func (w Warning) String() string { return fmt.Sprintf("rule %d: %s", w.Number, w.Text) }
