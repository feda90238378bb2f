package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/load"
	"github.com/berthpass/registry-auth/examples/internal/load/chart"
)

// errUsage is wrapped by all errors about the command line.
var errUsage = errors.New("usage")

// options are what the command line says.
type options struct {
	url, service string
	remote       bool
	users, user  string
	scopes       []string

	scenario           *scenario
	mix                mix
	mixGiven           bool
	nodes, images      int
	connections        int
	duration, warmUp   time.Duration
	warmUpGiven        bool
	requests           uint64
	rate               float64
	chart              string
	chartFormat        string
	json, quiet        bool
	scenarioName, asks string
}

const usage = `Plays a cluster of nodes that ask a token server for tokens, and tells how fast the answers came.

Usage: load [flags]

Without -url it starts a token server of its own, in this process and on the loopback address.

The scenarios are
  mixed     nodes that pull with and without a password, some of them for the first time, and a few with a wrong password
  rollout   a thousand nodes start the same image at once: each asks the same question, once, with the same password
  flood     64 nodes, and three times as many clients that guess passwords

`

func (p *program) parse(args []string) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.StringVar(&o.url, "url", "", "ask the token server at `URL`, such as http://localhost:5001/token")
	flags.StringVar(&o.service, "service", "", "ask for tokens for the registry `NAME`; needed with -url")
	flags.BoolVar(&o.remote, "remote", false, "the URL may be another machine's, and that machine is yours, or its owner knows: load that nobody expects is an attack")
	flags.StringVar(&o.users, "users", "", "`FILE` with the users, a line \"name:password\" for each; \"-\" is the standard input")
	flags.StringVar(&o.user, "user", "", "`NAME` of the only user, whose password is in the environment as LOAD_PASSWORD")
	flags.Func("scope", "ask for `SCOPE`, such as repository:team/app:pull; may be given several times", func(s string) error {
		o.scopes = append(o.scopes, s)
		return nil
	})
	flags.StringVar(&o.scenarioName, "scenario", "mixed", "play `NAME`: mixed, rollout or flood")
	flags.StringVar(&o.asks, "mix", "", "`SHARES` of the nodes that do one thing each, such as anonymous=60,login=26,refresh=10,cold=2,wrong=2")
	flags.IntVar(&o.nodes, "nodes", 0, "how many nodes there are; 0 is what the scenario has")
	flags.IntVar(&o.images, "images", 0, "how many images they pull, of library/; 0 is what the scenario has")
	flags.IntVar(&o.connections, "connections", 0, "how many nodes ask at once, the others wait for their turn; 0 is all")
	flags.DurationVar(&o.duration, "for", 10*time.Second, "how long to measure, an hour at most")
	flags.DurationVar(&o.warmUp, "warm-up", time.Second, "how long to ask before that; a rollout has none")
	flags.Uint64Var(&o.requests, "requests", 0, "stop after so many requests; 0 is no limit")
	flags.Float64Var(&o.rate, "rate", 0, "send so many requests a second, and count from when each was due; 0 lets each node ask when it was answered")
	flags.StringVar(&o.chart, "chart", "", "draw into `FILE`, which ends with .svg or .png")
	flags.BoolVar(&o.json, "json", false, "print the result as JSON")
	flags.BoolVar(&o.quiet, "quiet", false, "show no progress")

	flags.SetOutput(io.Discard) // -h goes to stdout, a mistake to stderr
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(p.stdout, usage)
		flags.SetOutput(p.stdout)
		flags.PrintDefaults()
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%w: unexpected argument %q", errUsage, flags.Arg(0))
	}
	flags.Visit(func(f *flag.Flag) { o.warmUpGiven = o.warmUpGiven || f.Name == "warm-up" })
	if problem := o.complete(); problem != "" {
		return nil, fmt.Errorf("%w: %s", errUsage, problem)
	}
	return o, nil
}

// complete takes from the scenario what was not given, and says what is wrong.
func (o *options) complete() (problem string) {
	o.scenario = findScenario(o.scenarioName)
	if o.scenario == nil {
		return fmt.Sprintf("there is no scenario %q", o.scenarioName)
	}
	o.mix, o.mixGiven = o.scenario.mix, o.asks != ""
	if o.mixGiven {
		var err error
		if o.mix, err = parseMix(o.asks); err != nil {
			return err.Error()
		}
	}
	if o.chart != "" {
		o.chartFormat = strings.TrimPrefix(filepath.Ext(o.chart), ".")
		if !slices.Contains(chart.Formats(), o.chartFormat) {
			return "the file of -chart ends with .svg or .png"
		}
	}
	if problem := o.contradiction(); problem != "" {
		return problem
	}
	if o.nodes == 0 {
		o.nodes = o.scenario.nodes
	}
	if o.images == 0 {
		o.images = o.scenario.images
	}
	if o.scenario.once && !o.warmUpGiven {
		o.warmUp = 0
	}
	if len(o.scopes) == 0 {
		for i := range o.images {
			o.scopes = append(o.scopes, fmt.Sprintf("repository:%s/image%d:pull", publicFolder, i))
		}
	}
	return ""
}

func (o *options) contradiction() string {
	switch {
	case o.url == "" && (o.service != "" || o.users != "" || o.user != "" || o.remote || len(o.scopes) > 0):
		return "-service, -scope, -users, -user and -remote need -url"
	case o.url != "" && o.service == "":
		return "-url needs -service"
	case o.users != "" && o.user != "":
		return "-users or -user, not both"
	case len(o.scopes) > 0 && o.images != 0:
		return "-scope or -images, not both"
	}
	return o.outOfRange()
}

func (o *options) outOfRange() string {
	const mostImages = 10_000
	switch {
	case o.nodes < 0 || o.nodes > load.MaxConnections:
		return fmt.Sprintf("-nodes is between 1 and %d", load.MaxConnections)
	case o.connections < 0:
		return "-connections is negative"
	case o.images < 0 || o.images > mostImages:
		return fmt.Sprintf("-images is between 1 and %d", mostImages)
	case o.duration <= 0 || o.duration > load.MaxDuration:
		return fmt.Sprintf("-for is up to %v", load.MaxDuration)
	case o.rate < 0:
		return "-rate is negative"
	}
	return ""
}
