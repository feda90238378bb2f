package load

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/examples/lab/internal/show"
)

// Options are what the command line says.
type Options struct {
	scenario         scenario
	nodes, rate      int
	warmUp, duration time.Duration
	url, service     string
	remote           bool
	usersFile        string
	scopes           []string
	output           show.Output
}

// The most that is sensible on one machine.
const (
	mostNodes    = 10_000
	mostDuration = time.Hour
)

// Parse reads the command line.
func Parse(flags *flag.FlagSet, args []string) (*Options, error) {
	o := &Options{warmUp: time.Second}
	name := flags.String("scenario", "mixed", "`NAME`: mixed, logins, rollout or flood")
	flags.IntVar(&o.nodes, "nodes", 0, "how many nodes ask; 0 is what the scenario has")
	flags.IntVar(&o.rate, "rate", 0, "requests in a second, whose time runs from when they are "+
		"due; 0 lets each node ask when it is answered")
	flags.DurationVar(&o.duration, "for", 10*time.Second, "how long to measure, an hour at most")
	flags.StringVar(&o.url, "url", "", "ask the token server at `URL`, which runs already")
	flags.StringVar(&o.service, "service", "", "the registry's `NAME`; needed with -url")
	flags.BoolVar(&o.remote, "remote", false, "the URL may be of another machine, which is yours "+
		"or whose owner knows: load that nobody expects is an attack")
	flags.StringVar(&o.usersFile, "users", "", "`FILE` with the users of -url, a line "+
		`"name:password" for each`)
	flags.Func("scope", "ask -url for `SCOPE`, such as repository:team/app:pull; may be repeated",
		func(s string) error { o.scopes = append(o.scopes, s); return nil })
	o.output.Flags(flags)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	known := false
	if o.scenario, known = scenarios()[*name]; !known {
		return nil, fmt.Errorf("there is no scenario %q", *name)
	}
	if o.nodes == 0 {
		o.nodes = o.scenario.nodes
	}
	if o.scenario.once {
		o.warmUp = 0
	}
	own := o.url == ""
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case own && (o.service != "" || o.usersFile != "" || o.remote || len(o.scopes) > 0):
		return nil, errors.New("-service, -scope, -users and -remote need -url")
	case !own && o.service == "":
		return nil, errors.New("-url needs -service")
	case o.nodes < 1 || o.nodes > mostNodes:
		return nil, fmt.Errorf("-nodes is between 1 and %d", mostNodes)
	case o.duration <= 0 || o.duration > mostDuration:
		return nil, fmt.Errorf("-for is up to %v", mostDuration)
	case o.rate < 0:
		return nil, errors.New("-rate is negative")
	}
	return o, o.output.Check()
}

// checkTarget refuses a URL that has no host, or one of another machine unless -remote allows it.
func (o *Options) checkTarget(ctx context.Context) error {
	target, err := url.Parse(o.url)
	if err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Host == "" ||
		target.User != nil || target.RawQuery != "" {
		return errors.New("-url is http:// or https:// with a host, and without user and query")
	}
	if o.remote {
		return nil
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", target.Hostname())
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if !a.Unmap().IsLoopback() {
			return fmt.Errorf("%s is at %v, which is another machine; see -remote", target.Host, a)
		}
	}
	return nil
}

// readUsers reads the file of -users.
func (o *Options) readUsers() ([]clients.User, error) {
	if o.usersFile == "" {
		return nil, nil
	}
	file, err := os.Open(o.usersFile)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseUsers(file)
}

// parseUsers reads "name:password" lines. It skips empty lines and those that begin with #.
func parseUsers(r io.Reader) (users []clients.User, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, password, _ := strings.Cut(line, ":")
		if name == "" || password == "" {
			return nil, fmt.Errorf("users: line %d is not name:password", n)
		}
		users = append(users, clients.User{Name: name, Password: password})
	}
	return users, lines.Err()
}
