// Package goals measures what is promised about speed and reliability.
package goals

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/picture"
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
	goals         []goal // to measure
	duration      time.Duration
	slack         float64
	picture, json string
}

// Parse reads the command line.
func Parse(flags *flag.FlagSet, args []string) (*Options, error) {
	o := &Options{}
	nightly := flags.Bool("nightly", false, "measure also what takes long: R3")
	only := flags.String("only", "", "measure these `GOALS` alone, such as R1,R4")
	flags.DurationVar(&o.duration, "for", 4*time.Second, "how long each load lasts")
	flags.Float64Var(&o.slack, "slack", 1, "the exit code is 0 also when a figure about time is "+
		"missed by this `FACTOR`: for machines that do other things")
	flags.StringVar(&o.picture, "picture", "", "draw into `FILE`, which ends with .svg or .png")
	flags.StringVar(&o.json, "json", "", "write the report as JSON into `FILE`")
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
	case o.picture != "" && picture.Check(o.picture) != nil:
		return nil, picture.Check(o.picture)
	}
	return o, o.choose(*only, *nightly)
}

func (o *Options) choose(only string, nightly bool) error {
	if only == "" {
		o.goals = slices.DeleteFunc(goals(), func(g goal) bool { return g.nightly && !nightly })
		return nil
	}
	for id := range strings.SplitSeq(strings.ToUpper(only), ",") {
		all := goals()
		i := slices.IndexFunc(all, func(g goal) bool { return g.id == strings.TrimSpace(id) })
		if i < 0 {
			return fmt.Errorf("there is no goal %q", id)
		}
		o.goals = append(o.goals, all[i])
	}
	return nil
}

// A bench is what all measurements need.
type bench struct {
	program  *target.Program
	duration time.Duration
	stderr   io.Writer
	counters attack.Counters
	doing    atomic.Pointer[string]
}

// warmUp is how long clients ask before anything counts.
const warmUp = time.Second

// load lets groups ask. Wrong answers are shown; whether they matter is for the goal to say.
func (b *bench) load(ctx context.Context, plan attack.Plan) (*attack.Report, error) {
	plan.Counters = &b.counters
	if plan.Duration == 0 {
		plan.Duration = b.duration
	}
	report := attack.Run(ctx, plan)
	for _, p := range report.Problems() {
		_, _ = fmt.Fprintln(b.stderr, "\nproblem: "+p)
	}
	return report, ctx.Err()
}

// Run measures the goals. It reports whether all are met, or missed by no more than is tolerated.
func Run(ctx context.Context, o *Options, stdout, stderr io.Writer) (well bool, err error) {
	b := &bench{duration: o.duration, stderr: stderr}
	if b.program, err = target.Build(ctx); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, b.program.Remove()) }()
	begun, before := time.Now(), processorsNow()
	b.doing.Store(new(string))
	stop := show.Progress(stderr, func() string { return show.Line(begun, &b.counters, *b.doing.Load()) })
	var rows []row
	for i := range o.goals {
		r, failure := b.repeat(ctx, &o.goals[i])
		if failure != nil {
			stop()
			return false, fmt.Errorf("%s: %w", r.ID, failure)
		}
		rows = append(rows, r)
	}
	stop()
	return o.tell(rows, processorsNow().others(before), stdout)
}

// tell prints the table and writes the files that were asked for.
func (o *Options) tell(rows []row, others float64, stdout io.Writer) (well bool, err error) {
	if err := writeTable(stdout, rows, others); err != nil {
		return false, err
	}
	if o.json != "" {
		err = show.JSON(o.json, rows)
	}
	if o.picture != "" {
		err = errors.Join(err, show.File(o.picture, func(w io.Writer) error {
			return picture.DrawBars(w, o.picture, "part of the bound that is used", bars(rows))
		}))
	}
	failed := slices.ContainsFunc(rows, func(r row) bool { return !r.tolerated(o.slack) })
	return !failed, err
}
