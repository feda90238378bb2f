// Package goals measures what is promised about speed and reliability.
package goals

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/show"
	"github.com/berthpass/registry-auth/examples/lab/internal/target"
)

// A goal is a promise.
type goal struct {
	id, about string
	nightly   bool // because it takes long
	measure   func(context.Context, *bench) ([]check, error)
}

func goals() []goal {
	return []goal{
		{id: "R1", about: "anonymous pulls", measure: measureAnonymous},
		{id: "R2", about: "logins with remembered passwords", measure: measureRemembered},
		{id: "R3", about: "refresh tokens", measure: measureRefresh, nightly: true},
		{id: "R4", about: "a flood of wrong passwords", measure: measureFlood},
		{id: "R5", about: "a source of users that is down", measure: measureDown},
		{id: "R6", about: "a source of users that is slow", measure: measureSlow},
	}
}

// Options are what the command line says.
type Options struct {
	goals    []goal // to measure
	duration time.Duration
	slack    float64
	output   show.Output
}

// Parse reads the command line.
func Parse(flags *flag.FlagSet, args []string) (*Options, error) {
	o := &Options{}
	nightly := flags.Bool("nightly", false, "measure also what takes long: R3")
	only := flags.String("only", "", "measure these `GOALS` alone, such as R1,R4")
	flags.DurationVar(&o.duration, "for", 4*time.Second, "how long each load lasts")
	flags.Float64Var(&o.slack, "slack", 1, "the exit code is 0 also when a figure about time is "+
		"missed by this `FACTOR`: for machines that do other things")
	o.output.Flags(flags)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.slack < 1 || o.slack > 10:
		return nil, errors.New("-slack is between 1 and 10")
	case o.duration < time.Second || o.duration > 10*time.Minute:
		return nil, errors.New("-for is between 1s and 10m")
	}
	return o, errors.Join(o.choose(*only, *nightly), o.output.Check())
}

func (o *Options) choose(only string, nightly bool) error {
	named := strings.Split(strings.ToUpper(only), ",")
	for _, g := range goals() {
		if only == "" && (nightly || !g.nightly) || slices.Contains(named, g.id) {
			o.goals = append(o.goals, g)
		}
	}
	if only != "" && len(o.goals) != len(named) {
		return errors.New("-only names goals from R1 to R6, each once")
	}
	return nil
}

// A bench is what all measurements need.
type bench struct {
	program  *target.Program
	duration time.Duration
	stderr   io.Writer
	counters attack.Counters
	doing    atomic.Value // a string, for the progress
}

// load lets groups ask. Wrong answers are shown; whether they matter is for the goal to say.
func (b *bench) load(ctx context.Context, p attack.Plan) ([]attack.GroupReport, error) {
	p.Counters = &b.counters
	if p.Duration == 0 {
		p.Duration = b.duration
	}
	report := attack.Run(ctx, p)
	for _, p := range report.Problems() {
		_, _ = fmt.Fprintln(b.stderr, "\nproblem: "+p)
	}
	return report.Groups, ctx.Err()
}

// warm lets groups ask after a second that does not count.
func (b *bench) warm(ctx context.Context, g ...attack.Group) ([]attack.GroupReport, error) {
	return b.load(ctx, attack.Plan{WarmUp: time.Second, Groups: g})
}

// with starts a server for measure, and adds what memory it took.
func (b *bench) with(
	ctx context.Context, c target.Config, measure func(*target.Server) ([]check, error),
) (checks []check, err error) {
	c.Rules, c.HashCost = target.PublicRules, max(c.HashCost, target.CheapHash)
	err = b.program.Run(ctx, c, func(s *target.Server) (err error) {
		checks, err = measure(s)
		memory := check{What: "memory of the server", Bound: 150, Unit: " MiB"}
		for _, u := range s.Samples() {
			memory.Got = max(memory.Got, u.Resident/(1<<20))
		}
		checks = append(checks, memory)
		return err
	})
	return checks, err
}

// loadAverage is how many processes want a processor, where the system says so: elsewhere than on
// Linux it is "unknown".
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	return cmp.Or(load, "unknown")
}

// Run measures the goals. It reports whether all are met, or missed by no more than is tolerated.
func Run(ctx context.Context, o *Options, stdout, stderr io.Writer) (well bool, err error) {
	b := &bench{duration: o.duration, stderr: stderr}
	if b.program, err = target.Build(ctx); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, b.program.Remove()) }()
	var rows []row
	load := loadAverage()
	b.doing.Store("")
	stop := show.Progress(stderr, &b.counters, func() string { return fmt.Sprint(b.doing.Load()) })
	for i := range o.goals {
		r, failure := b.repeat(ctx, &o.goals[i])
		if failure != nil {
			err = fmt.Errorf("%s: %w", r.ID, failure)
			break
		}
		rows = append(rows, r)
	}
	stop()
	if err != nil {
		return false, err
	}
	return o.tell(rows, load, stdout)
}
