// Package section has the sections of the configuration: a file each, and a line in [sections].
package section

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// A Section is one key at the top of the configuration, or a few that belong together. Each load
// makes a new one.
type Section interface {
	// Keys are its names, such as "acl", "acl_file" and "acl_dir".
	Keys() []string
	// Read reads the value of each of them: first those of the file, in its order, and then the absent
	// ones as null. It opens files and looks variables up, and leaves no trace.
	Read(n *conf.Node)
	// Build makes the part, in the order of the list, after every section was read without a mistake.
	// It connects to nothing. It records mistakes at a [conf.Place]; an error may go away without a
	// change of the configuration.
	Build(s *Site) (Part, error)
}

// A Part is what a section adds to the server. Every field is optional.
type Part struct {
	Name          string // the first of the keys
	Count         Count
	Authenticator authn.Authenticator // asked in the order of the list
	Authorizer    authz.Authorizer    // asked in the order of the list
	// Config changes the settings of the server, which have the authenticator and the authorizer of
	// all parts, and the time of one request without what this part adds.
	Config  func(*auth.Config)
	Handler *Handler
	// Accept looks at the whole before it takes over. An error without a position may go away.
	Accept func(ctx context.Context, policy Policy) error
	// Check returns what is wrong, for /readyz. It does not wait.
	Check func() error
	// Explain says in lines what the authorizer says about a request, and whether that decides.
	Explain func(ctx context.Context, r authz.Request) (text string, decided bool, err error)
	Metrics []prometheus.Collector
}

// A Count is how many of something a section has, for summaries, logs and metrics.
type Count struct {
	Name, Help string // without Help it is no metric
	Number     int
}

// A Handler answers at an address of its own. The address is that of the start.
type Handler struct {
	Addr    string
	At      conf.Position
	Handler http.Handler
}

// A Policy is what all sections together decide.
type Policy struct {
	Authorizer authz.Authorizer
	// Subject returns who has that name, or the anonymous subject. If it is not known without a login,
	// the error wraps [authn.ErrNoMatch]; if it may not log in, [authn.ErrRejected].
	Subject func(ctx context.Context, name string) (authn.Subject, error)
}
