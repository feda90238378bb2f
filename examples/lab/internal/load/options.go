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
	"strconv"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/examples/lab/internal/picture"
)

// Options are what the command line says.
type Options struct {
	scenario      *scenario
	nodes, rate   int
	duration      time.Duration
	warmUp        time.Duration
	url, service  string
	remote        bool
	usersFile     string
	scopes        []string
	picture, json string
}

// The most that is sensible on one machine.
const (
	mostNodes    = 10_000
	mostDuration = time.Hour
)

// Parse reads the command line.
func Parse(flags *flag.FlagSet, args []string) (*Options, error) {
	o := &Options{}
	name := flags.String("scenario", "mixed", "`NAME`: mixed, rollout or flood")
	shares := flags.String("mix", "", "`SHARES` of the nodes that do one thing each, "+
		"such as anonymous=60,login=26,refresh=10,first=2,wrong=2")
	flags.IntVar(&o.nodes, "nodes", 0, "how many nodes ask; 0 is what the scenario has")
	flags.IntVar(&o.rate, "rate", 0, "requests in a second, whose time runs from when they are due; "+
		"0 lets each node ask when it is answered")
	flags.DurationVar(&o.duration, "for", 10*time.Second, "how long to measure, an hour at most")
	flags.StringVar(&o.url, "url", "", "ask the token server at `URL`, which runs already")
	flags.StringVar(&o.service, "service", "", "the registry's `NAME`; needed with -url")
	flags.BoolVar(&o.remote, "remote", false, "the URL may be of another machine, which is yours "+
		"or whose owner knows: load that nobody expects is an attack")
	flags.StringVar(&o.usersFile, "users", "", "`FILE` with the users of -url, a line "+
		`"name:password" for each`)
	flags.Func("scope", "ask -url for `SCOPE`, such as repository:team/app:pull; may be repeated",
		func(s string) error { o.scopes = append(o.scopes, s); return nil })
	flags.StringVar(&o.picture, "picture", "", "draw into `FILE`, which ends with .svg or .png")
	flags.StringVar(&o.json, "json", "", "write the report as JSON into `FILE`")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err := o.choose(*name, *shares); err != nil {
		return nil, err
	}
	return o, o.check()
}

// choose finds the scenario and changes it as the flags say.
func (o *Options) choose(name, shares string) (err error) {
	s, ok := scenarios()[name]
	if !ok {
		return fmt.Errorf("there is no scenario %q", name)
	}
	if o.nodes == 0 {
		o.nodes = s.nodes
	}
	if shares != "" {
		s.mix, err = parseMix(shares)
	}
	o.scenario = &s
	if !s.once {
		o.warmUp = time.Second
	}
	return err
}

func (o *Options) check() error {
	own := o.url == ""
	switch {
	case own && (o.service != "" || o.usersFile != "" || o.remote || len(o.scopes) > 0):
		return errors.New("-service, -scope, -users and -remote need -url")
	case !own && o.service == "":
		return errors.New("-url needs -service")
	case o.nodes < 1 || o.nodes > mostNodes:
		return fmt.Errorf("-nodes is between 1 and %d", mostNodes)
	case o.duration <= 0 || o.duration > mostDuration:
		return fmt.Errorf("-for is up to %v", mostDuration)
	case o.rate < 0:
		return errors.New("-rate is negative")
	case o.picture != "":
		return picture.Check(o.picture)
	}
	return nil
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
	if len(users) == 0 && lines.Err() == nil {
		return nil, errors.New("users: there are none")
	}
	return users, lines.Err()
}

func parseMix(text string) (map[kind]int, error) {
	mix, sum := make(map[kind]int), 0
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		share, err := strconv.Atoi(value)
		known := false
		for _, k := range kinds() {
			known = known || string(k) == name
		}
		if err != nil || !known || share < 0 || share > 1_000_000 {
			return nil, fmt.Errorf("-mix has %q, which is not one of %v with a number", part, kinds())
		}
		mix[kind(name)] = share
		sum += share
	}
	if sum == 0 {
		return nil, fmt.Errorf("-mix %q is nobody", text)
	}
	return mix, nil
}
