package load

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
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
	output           show.Output
}

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
	o.output.Flags(flags)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	var known bool
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
	case own && (o.service != "" || o.usersFile != "" || o.remote):
		return nil, errors.New("-service, -users and -remote need -url")
	case !own && o.service == "":
		return nil, errors.New("-url needs -service")
	case o.nodes < 1 || o.nodes > 10_000:
		return nil, errors.New("-nodes is between 1 and 10000")
	case o.duration <= 0 || o.duration > time.Hour:
		return nil, errors.New("-for is up to 1h")
	case o.rate < 0:
		return nil, errors.New("-rate is negative")
	}
	if !own {
		return o, errors.Join(o.checkTarget(), o.output.Check())
	}
	return o, o.output.Check()
}

// checkTarget refuses what is no endpoint, and another machine unless -remote allows it.
func (o *Options) checkTarget() error {
	target, err := url.Parse(o.url)
	if err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Host == "" ||
		target.User != nil || target.RawQuery != "" {
		return errors.New("-url is http:// or https:// with a host, and without user and query")
	}
	host := target.Hostname()
	address, err := netip.ParseAddr(host)
	if o.remote || host == "localhost" || err == nil && address.Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("%s is neither localhost nor a loopback address; see -remote", host)
}

// readUsers reads "name:password" lines. It skips empty lines and those that begin with #.
func (o *Options) readUsers() (users []clients.User, err error) {
	if o.usersFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(o.usersFile)
	if err != nil {
		return nil, err
	}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, password, _ := strings.Cut(line, ":")
		if name == "" || password == "" {
			return nil, fmt.Errorf("%s: line %d is not name:password", o.usersFile, i+1)
		}
		users = append(users, clients.User{Name: name, Password: password})
	}
	return users, nil
}
