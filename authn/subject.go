package authn

// A Kind says what sort of subject somebody is.
type Kind uint8

const (
	// KindUser is a person, or an account that acts for one. It is the zero value.
	KindUser Kind = iota
	// KindServiceAccount is an account of a program: a CI job, a robot, a cluster.
	KindServiceAccount
)

// String returns "user" or "service account".
func (k Kind) String() string {
	switch k {
	case KindUser:
		return "user"
	case KindServiceAccount:
		return "service account"
	default:
		return "unknown kind"
	}
}

// A Subject is who asks: an authenticated user or service account, or the anonymous subject, which is the zero value.
// It is plain data. Whoever receives one must not change its Labels, which may be shared with the source of users.
type Subject struct {
	// Name is the canonical name, as the source of users has it; policies compare it exactly, and it becomes the "sub"
	// claim of the token. A subject without a name is anonymous.
	Name string
	// Kind tells people from service accounts. A service account and a user may have the same name: a policy that grants
	// something to a name must look at both.
	Kind Kind
	// Labels are what the source of users knows besides, such as groups: {"group": {"devs", "ops"}}.
	Labels map[string][]string
	// Stamp changes whenever earlier proofs of this subject must no longer count: a new password, an account created
	// again under an old name, another source of users. It is opaque and holds no secret. Caches and refresh tokens keep
	// it and compare it; a source that has nothing to derive it from leaves it empty.
	Stamp string
}

// Anonymous reports whether s is the anonymous subject.
func (s Subject) Anonymous() bool { return s.Name == "" }
