package goals

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
)

func parse(args string) (*Options, error) {
	flags := flag.NewFlagSet("goals", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return Parse(flags, strings.Fields(args))
}

func TestFlags(t *testing.T) {
	for args, problem := range map[string]string{
		"-only X1":       "-only names",
		"-only r1,":      "-only names",
		"-only r1,r1":    "-only names",
		"-slack 0.5":     "-slack is between",
		"-for 1ms":       "-for is between",
		"-for x":         "invalid value",
		"-quick":         "not defined",
		"-picture x.gif": "ends with",
		"extra":          "unexpected argument",
	} {
		if _, err := parse(args); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestSelection(t *testing.T) {
	for args, want := range map[string]string{
		"":                 "R1 R2 R4 R5 R6",
		"-nightly":         "R1 R2 R3 R4 R5 R6",
		"-only r3,R1":      "R1 R3",
		"-only R2 -for 9s": "R2",
	} {
		o, err := parse(args)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, g := range o.goals {
			got = append(got, g.id)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q measures %v", args, got)
		}
	}
}

const (
	slow = 30 * time.Millisecond
	fast = 10 * time.Millisecond
)

func late(got time.Duration) check { return within("p99", got, 20*time.Millisecond) }

func memory(got float64) check { return check{What: "memory", Got: got, Bound: 150, Unit: " MiB"} }

// A figure about time has three tries, of which the best counts. Of the others the worst counts,
// and one that is missed ends the measuring.
func TestRepeat(t *testing.T) {
	for name, test := range map[string]struct {
		tries [][]check
		want  string // of the tries that were made
		met   bool
	}{
		"met at once": {[][]check{{late(fast)}}, "10ms", true},
		"met at the third": {
			[][]check{{late(slow)}, {late(slow)}, {late(fast)}}, "10ms", true,
		},
		"one of each": {
			[][]check{{late(slow), atLeast("rate", 9, 5)}, {late(fast), atLeast("rate", 1, 5)}},
			"10ms, 9/s", true,
		},
		"never met": {
			[][]check{{late(2 * slow)}, {late(slow)}, {late(3 * slow)}},
			"30ms", false,
		},
		"wrong, and in time": {[][]check{{late(fast), never("wrong", 1)}}, "10ms, 1", false},
		"wrong the next time": {
			[][]check{{late(slow), never("wrong", 0)}, {late(fast), never("wrong", 2)}},
			"10ms, 2", false,
		},
		"less memory the next time": {
			[][]check{{late(slow), memory(149)}, {late(fast), memory(1)}},
			"10ms, 149 MiB", true,
		},
		"wrong, and too slow": {[][]check{{late(slow), never("wrong", 1)}}, "30ms, 1", false},
	} {
		t.Run(name, func(t *testing.T) {
			made := 0
			g := &goal{measure: func(context.Context, *bench) ([]check, error) {
				made++
				return test.tries[made-1], nil
			}}
			r, err := new(bench).repeat(t.Context(), g)
			if err != nil || r.Tries != len(test.tries) || r.Tries != made {
				t.Errorf("%d tries, %v", r.Tries, err)
			}
			var got []string
			for _, c := range r.Checks {
				got = append(got, c.text(c.Got))
			}
			if strings.Join(got, ", ") != test.want || r.tolerated(1) != test.met {
				t.Errorf("got %q, met: %v", got, r.tolerated(1))
			}
		})
	}
}

// A goal that cannot be measured is neither met nor missed.
func TestRepeatFails(t *testing.T) {
	broken := errors.New("broken")
	g := &goal{measure: func(context.Context, *bench) ([]check, error) { return nil, broken }}
	if _, err := new(bench).repeat(t.Context(), g); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.measure = func(context.Context, *bench) ([]check, error) { return nil, nil }
	if _, err := new(bench).repeat(ctx, g); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: error is %v", err)
	}
}

// Slack is for times and rates, and not for what is wrong.
func TestSlack(t *testing.T) {
	for name, test := range map[string]struct {
		check     check
		tolerated bool
	}{
		"a rate that is met":           {atLeast("rate", 5, 5), true},
		"a rate that is half":          {atLeast("rate", 2.5, 5), true},
		"a rate that is less":          {atLeast("rate", 2.4, 5), false},
		"a time that is twice as long": {late(40 * time.Millisecond), true},
		"a time that is longer":        {late(41 * time.Millisecond), false},
		"one wrong answer":             {never("wrong", 1), false},
		"a little too much memory":     {memory(151), false},
		"one question too many":        {atMost("questions", 17, 16), false},
	} {
		if got := test.check.tolerated(2); got != test.tolerated {
			t.Errorf("%s: %v", name, got)
		}
		if test.check.met() != (test.check.used() <= 1) {
			t.Errorf("%s: it uses %v of its bound", name, test.check.used())
		}
	}
}

// Servers that break a promise are found, each by one figure.
func TestJudging(t *testing.T) {
	type group = attack.GroupReport
	answers := func(tokens, others, status int) attack.GroupReport {
		g := attack.GroupReport{Requests: tokens + others, Tokens: tokens, Rate: 1000, P99: fast}
		g.Statuses = map[int]int{http.StatusOK: tokens, status: others}
		return g
	}
	good := func() attack.GroupReport { return answers(100, 0, 0) }
	refused := func() attack.GroupReport { return answers(0, 100, http.StatusTooManyRequests) }
	outageOf := func(spoil func(*outage)) []check {
		o := &outage{slowest: sourceDeadline, othersP99: fast, duration: 4 * time.Second, asked: 20}
		spoil(o)
		return judgeOutage(o)
	}
	floodOf := func(spoil func(flooded []group, joined *group)) []check {
		quiet, joined := []attack.GroupReport{good(), good()}, good()
		flooded := []attack.GroupReport{good(), good(), refused()}
		spoil(flooded, &joined)
		return judgeFlood(quiet, flooded, [2]attack.GroupReport{joined, good()})
	}
	slowOf := func(spoil func(pulls, logins *attack.GroupReport), waiting int) []check {
		quiet, pulls, logins := good(), good(), answers(16, 484, http.StatusServiceUnavailable)
		spoil(&pulls, &logins)
		return judgeSlow(&quiet, &pulls, &logins, waiting)
	}
	for missed, checks := range map[string][]check{
		"":                  outageOf(func(*outage) {}),
		"slowest refusal":   outageOf(func(o *outage) { o.slowest += 2 * lateBy }),
		"are not 503":       outageOf(func(o *outage) { o.rejected = 1 }),
		"that are no toke":  outageOf(func(o *outage) { o.others = 1 }),
		"source hangs":      outageOf(func(o *outage) { o.othersP99 = slow }),
		"questions to a s":  outageOf(func(o *outage) { o.asked = 24 }),
		"until the first ":  outageOf(func(o *outage) { o.recovery = 6 * time.Second }),
		" ":                 floodOf(func(_ []group, _ *group) {}),
		"logged in":         floodOf(func(f []group, _ *group) { f[0].P99 = slow }),
		"anonymous pulls":   floodOf(func(f []group, _ *group) { f[1].Statuses = nil }),
		"rate of others":    floodOf(func(f []group, _ *group) { f[0].Rate = 100 }),
		"their requests":    floodOf(func(f []group, _ *group) { f[1].Tokens-- }),
		"answers to guess":  floodOf(func(f []group, _ *group) { f[2].P99 = 4 * time.Second }),
		"wrong one":         floodOf(func(f []group, _ *group) { f[2].Wrong = 1 }),
		"without an answe":  floodOf(func(f []group, _ *group) { f[2].Unanswered = 1 }),
		"first logins":      floodOf(func(_ []group, j *group) { j.Tokens = 0 }),
		"  ":                slowOf(func(_, _ *attack.GroupReport) {}, 16),
		"questions at once": slowOf(func(_, _ *attack.GroupReport) {}, 17),
		"neither a token":   slowOf(func(_, l *attack.GroupReport) { l.Statuses[503]-- }, 16),
		"as a multiple of":  slowOf(func(p, _ *attack.GroupReport) { p.P99 = slow }, 16),
		"of their requests": slowOf(func(p, _ *attack.GroupReport) { p.Tokens-- }, 16),
	} {
		well := strings.TrimSpace(missed) == ""
		for _, c := range checks {
			if !c.met() && (well || !strings.Contains(c.What, missed)) {
				t.Errorf("%q: missed is %q", missed, c.What)
			}
		}
		if r := (row{Checks: checks}); r.tolerated(1) != well {
			t.Errorf("%q: met is %v", missed, !well)
		}
	}
}

func TestTable(t *testing.T) {
	rows := []row{
		{ID: "R1", Tries: 2, Checks: []check{
			atLeast("tokens", 6000, 5000).noted("of many"), never("wrong", 1), memory(3),
		}},
		{ID: "R2", Tries: 1, Checks: []check{
			within("p99", 12345*time.Microsecond, 20*time.Millisecond), atMost("questions", 7, 8),
			ratio("p99 twice", 1.5, 2),
		}},
	}
	var table strings.Builder
	if err := writeTable(&table, rows, "0.25"); err != nil {
		t.Fatal(err)
	}
	squeezed := regexp.MustCompile(` +\n`).ReplaceAllString(table.String(), "\n")
	squeezed = regexp.MustCompile(` {2,}`).ReplaceAllString(squeezed, " | ")
	want := `goal | what | has to be | measured | verdict | besides
R1 | tokens | ≥ 5000/s | 6000/s (best of 2) | met | of many
 | wrong | ≤ 0 | 1 | MISSED
 | memory | ≤ 150 MiB | 3 MiB | met
R2 | p99 | ≤ 20ms | 12.3ms | met
 | questions | ≤ 8 | 7 | met
 | p99 twice | ≤ 2 | 1.5 | met

1 goals met, 1 missed; the load of the machine was 0.25 when it began
`
	if squeezed != want {
		t.Errorf("the table is\n%s\nwant\n%s", squeezed, want)
	}
}

// A goal is measured for a moment. How its figures come out is not for a test to judge.
func TestMeasuring(t *testing.T) {
	folder := t.TempDir()
	report, picture := filepath.Join(folder, "r.json"), filepath.Join(folder, "p.svg")
	o, err := parse("-only R1 -for 1s -json " + report + " -picture " + picture)
	if err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	if _, err := Run(t.Context(), o, &stdout, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{
		`R1 +anonymous tokens at 64 connections +≥ 5000/s +[1-9]`,
		`requests without a token +≤ 0 +0 `, `verified by distribution +≥ 1 +[1-9]`,
	} {
		if !regexp.MustCompile(wanted).MatchString(stdout.String()) {
			t.Errorf("the table has no %q:\n%s", wanted, &stdout)
		}
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	err = json.Unmarshal(text, &rows)
	if err != nil || len(rows) != 1 || len(rows[0].Checks) != 6 {
		t.Errorf("%v: %s", err, text)
	}
	if drawn, err := os.ReadFile(picture); !strings.Contains(string(drawn), "R1 their p99") {
		t.Errorf("the picture: %v", err)
	}
}
