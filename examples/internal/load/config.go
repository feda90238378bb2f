package load

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// A Kind is what the clients of a group do.
type Kind string

// The kinds of clients.
const (
	// Anonymous clients ask without credentials.
	Anonymous Kind = "anonymous"
	// Login clients ask with a user's password. All users have logged in once before, so a server may remember them.
	Login Kind = "login"
	// Cold clients ask with a password as well, but nobody has logged in before, and each request is a user's first. When all
	// users have had their turn, the group stops.
	Cold Kind = "cold"
	// Refresh clients have got a refresh token for a password, and ask with that.
	Refresh Kind = "refresh"
	// Wrong clients ask with wrong passwords, another one each time, of the users of the group. Without users they make up names.
	Wrong Kind = "wrong"
)

// Kinds are all kinds there are.
func Kinds() []Kind { return []Kind{Anonymous, Login, Cold, Refresh, Wrong} }

// A User is somebody who can log in.
type User struct{ Name, Password string }

// A Group is a number of clients that do the same.
type Group struct {
	// Name is for the report. The default is the kind.
	Name string
	// Kind is what the clients do. Required.
	Kind Kind
	// Clients is how many there are. Each is one user. Required.
	Clients int
	// Connections is how many of them ask at once. If there are more clients, they take turns. The default is one for each.
	Connections int
	// Sources are the addresses that connections are made from, by turns. They must be this machine's; on Linux all of
	// 127.0.0.0/8 are. By default the system chooses.
	Sources []netip.Addr
	// Header is sent with each request: X-Forwarded-For, for a server behind a proxy. It may be nil.
	Header http.Header
	// Users are who the clients are, by turns. Required for Login, Cold and Refresh.
	Users []User
	// Unprepared leaves out that users of a Login group log in beforehand, so that their first requests are cold.
	Unprepared bool
	// Scopes are what is asked for, one with each request, by turns. Without any nothing is asked for, as docker login does.
	Scopes []string
	// Rounds is how often each client asks. At 0 there is no such limit.
	Rounds int
	// Rate is how many requests become due in a second, in the whole group. At 0 each client asks when it has been answered.
	Rate float64
}

// A Config says what to do, to whom and for how long.
type Config struct {
	// URL is the token endpoint. Required. Redirects are not followed, and no proxy is used.
	URL string
	// Service is the registry that tokens are asked for. Required.
	Service string
	// RemoteAllowed permits addresses that are not loopback ones. Set it for servers of your own, or whose owner knows.
	RemoteAllowed bool
	// RootCAs verify the server's certificate. The default are the system's.
	RootCAs *x509.CertPool
	// Groups are the clients. At least one is required.
	Groups []Group

	// WarmUp is how long clients ask before anything counts.
	WarmUp time.Duration
	// Duration is how long they ask after that, an hour at most. Required. Requests that are under way in the end are finished,
	// and count.
	Duration time.Duration
	// Requests ends the run earlier, when so many that count have been sent. At 0 there is no such limit.
	Requests uint64
	// Timeout is how long one request may take. The default is 10 seconds.
	Timeout time.Duration

	// DecodeEach is how many answers there are for one that is decoded, and must have a token. The default is 16. An answer
	// with an unexpected status is always decoded.
	DecodeEach int
	// VerifyEach is how many tokens there are for one that is given to Verify. The default is 100.
	VerifyEach int
	// Verify looks at a token. An error makes the answer an unexpected one. It is called concurrently. Nil verifies nothing.
	Verify func(token string) error

	// Progress is called every ProgressEvery, by one goroutine, while Run prepares and runs. It may be nil.
	Progress func(Progress)
	// ProgressEvery is 200 milliseconds by default.
	ProgressEvery time.Duration
}

// The most that is sensible on one machine.
const (
	MaxDuration    = time.Hour
	MaxConnections = 10_000
)

const (
	defaultTimeout       = 10 * time.Second
	defaultDecodeEach    = 16
	defaultVerifyEach    = 100
	defaultProgressEvery = 200 * time.Millisecond
)

// ErrConfig is wrapped by all errors that say what is wrong with a Config.
var ErrConfig = errors.New("load: configuration")

// withDefaults checks a configuration and completes it. The caller's is not changed.
func (c Config) withDefaults() (Config, error) {
	target, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return c, fmt.Errorf("%w: %w", ErrConfig, err)
	case target.Scheme != "http" && target.Scheme != "https", target.Host == "", target.User != nil, target.RawQuery != "":
		return c, fmt.Errorf("%w: the URL has to be http:// or https://, with a host, and without user and query", ErrConfig)
	case c.Service == "":
		return c, fmt.Errorf("%w: no service", ErrConfig)
	case c.Duration <= 0 || c.Duration+c.WarmUp > MaxDuration || c.WarmUp < 0:
		return c, fmt.Errorf("%w: the time is to be up to %v", ErrConfig, MaxDuration)
	case len(c.Groups) == 0:
		return c, fmt.Errorf("%w: no groups", ErrConfig)
	}
	setDefault(&c.Timeout, defaultTimeout)
	setDefault(&c.DecodeEach, defaultDecodeEach)
	setDefault(&c.VerifyEach, defaultVerifyEach)
	setDefault(&c.ProgressEvery, defaultProgressEvery)
	if c.Timeout < 0 || c.DecodeEach < 0 || c.VerifyEach < 0 || c.ProgressEvery < 0 {
		return c, fmt.Errorf("%w: a negative number", ErrConfig)
	}
	groups := make([]Group, 0, len(c.Groups))
	connections := 0
	for _, g := range c.Groups {
		setDefault(&g.Name, string(g.Kind))
		setDefault(&g.Connections, g.Clients)
		g.Connections = min(g.Connections, g.Clients)
		if err := g.check(); err != nil {
			return c, fmt.Errorf("%w: group %q: %w", ErrConfig, g.Name, err)
		}
		if g.Rounds > 0 && c.WarmUp > 0 {
			return c, fmt.Errorf("%w: group %q has rounds, which the warm-up would use up", ErrConfig, g.Name)
		}
		connections += g.Connections
		groups = append(groups, g)
	}
	if connections > MaxConnections {
		return c, fmt.Errorf("%w: %d connections, and %d are the most", ErrConfig, connections, MaxConnections)
	}
	c.Groups = groups
	return c, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (g *Group) check() error {
	switch {
	case g.Clients < 1 || g.Connections < 1:
		return errors.New("no clients")
	case g.Rate < 0 || g.Rounds < 0:
		return errors.New("a negative number")
	case g.Kind == Anonymous || g.Kind == Wrong:
		return nil
	case g.Kind != Login && g.Kind != Cold && g.Kind != Refresh:
		return fmt.Errorf("there is no kind %q", g.Kind)
	case len(g.Users) == 0:
		return errors.New("no users")
	}
	return nil
}
