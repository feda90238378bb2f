package acl

import "fmt"

// A Rule grants actions to the requests that it matches, or refuses them. The field tags are the
// keys of docker_auth's configuration file.
type Rule struct {
	// Match selects the requests that the rule decides. It is required. An empty Match selects all.
	Match *Match `json:"match" yaml:"match"`
	// Actions are granted if requested. An empty list refuses; nil is an error. A single "*" grants
	// every requested action; next to others only a requested "*", which means all to distribution.
	Actions []string `json:"actions" yaml:"actions"`
	// Comment is appended to the reason of the rule's decisions, which clients do not see.
	Comment string `json:"comment,omitempty" yaml:"comment,omitempty"`
	// RequireAccount excludes the anonymous subject, but not service accounts.
	RequireAccount bool `json:"require_account,omitempty" yaml:"require_account,omitempty"`
}

// A Match holds the conditions of a [Rule], all of which must hold. A nil field matches anything;
// an empty string matches only the empty string. All fields but IP are patterns, whose syntax the
// package documentation describes.
type Match struct {
	// Account matches the subject's name, which is empty for the anonymous subject. A subject of
	// [authn.KindServiceAccount] matches no pattern here.
	Account *string `json:"account,omitempty" yaml:"account,omitempty"`
	// Type matches the resource type, such as "repository".
	Type *string `json:"type,omitempty" yaml:"type,omitempty"`
	// Name matches the resource name.
	Name *string `json:"name,omitempty" yaml:"name,omitempty"`
	// Service matches the registry that the token is for.
	Service *string `json:"service,omitempty" yaml:"service,omitempty"`
	// IP is an address or a CIDR prefix that contains the client's address. A request with an
	// unknown address does not match.
	IP *string `json:"ip,omitempty" yaml:"ip,omitempty"`
	// Labels maps labels to patterns. Each must match one of the subject's values of the label.
	Labels map[string]string `json:"labels,omitempty" yaml:"labels,omitempty"`
}

// A RuleError reports a mistake in a rule.
type RuleError struct {
	// Number is the position of the rule in its list, starting at 1.
	Number int
	// Key is the key with the mistake, such as "match.labels.group", or "rule" for all of it.
	Key string
	// Err describes the mistake.
	Err error
}

// Error returns the rule's number, the key and the mistake.
func (e *RuleError) Error() string { return fmt.Sprintf("rule %d: %s: %v", e.Number, e.Key, e.Err) }

// Unwrap returns Err.
func (e *RuleError) Unwrap() error { return e.Err }

// A Warning is about a rule that is valid but probably not what its author meant.
type Warning struct {
	// Number is the position of the rule in its list, starting at 1.
	Number int
	// Text describes the problem.
	Text string
}

// String returns the rule's number and the text.
func (w Warning) String() string { return fmt.Sprintf("rule %d: %s", w.Number, w.Text) }
