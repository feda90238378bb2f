package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/testnames"
)

// TestGoalsAreComplete: all there are, in order, each with figures, tests or a command that show it.
func TestGoalsAreComplete(t *testing.T) {
	var want []string
	for i := range 18 {
		if n := i + 1; n != 9 && n != 10 { // they are about a store on disk, and there is none
			want = append(want, fmt.Sprintf("R%d", n))
		}
	}
	want = append(want, "S1", "S2")
	for i, g := range goals() {
		if i >= len(want) || g.id != want[i] {
			t.Fatalf("goal %d is %s", i, g.id)
		}
		if g.about == "" || g.measure == nil && len(g.tests) == 0 && g.command == "" {
			t.Errorf("%s is not shown by anything", g.id)
		}
	}
}

// TestGoalsNameRealTests: the tests that the table names are in the tree.
func TestGoalsNameRealTests(t *testing.T) {
	there, err := testnames.Declared("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range goals() {
		for _, name := range g.tests {
			if !there[name] || !strings.Contains(name, ".") {
				t.Errorf("%s: there is no %s", g.id, name)
			}
		}
	}
}

func TestFlags(t *testing.T) {
	for args, test := range map[string]struct {
		code           int
		stdout, stderr string
	}{
		"-h":             {exitMet, "-nightly", ""},
		"--help":         {exitMet, "R11 connections that send slowly or nothing (nightly)", ""},
		"-only X1":       {exitFailed, "", `there is no goal "X1"`},
		"-only r1,":      {exitFailed, "", `there is no goal ""`},
		"-slack 0.5":     {exitFailed, "", "-slack is between"},
		"-for 1ms":       {exitFailed, "", "-for is between"},
		"-for x":         {exitFailed, "", "invalid value"},
		"-quick":         {exitFailed, "", "not defined"},
		"extra":          {exitFailed, "", "unexpected argument"},
		"-bare-server x": {exitFailed, "", ""},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(args), &stdout, &stderr)
		if code != test.code || !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
			t.Errorf("%s: exit code %d\n%s%s", args, code, &stdout, &stderr)
		}
	}
}

func TestSelection(t *testing.T) {
	for args, want := range map[string]string{
		"":                 "R1 R2 R4 R5 R6 S1 S2",
		"-nightly":         "R1 R2 R3 R4 R5 R6 R11 S1 S2",
		"-only R3,s1,R7":   "R3 S1",
		"-only R1 -for 9s": "R1",
	} {
		s, err := parse(strings.Fields(args), io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, g := range goals() {
			if s.measured(&g) {
				got = append(got, g.id)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q measures %v", args, got)
		}
	}
}

// TestRepeat: what is about time has three tries, of which the best counts; what is not has one, and the worst counts.
func TestRepeat(t *testing.T) {
	b := &bench{logger: slog.New(slog.DiscardHandler)}
	slow, fast := 30*time.Millisecond, 10*time.Millisecond
	p99 := func(got time.Duration) check { return within("p99", got, 20*time.Millisecond) }
	for name, test := range map[string]struct {
		tries [][]check
		want  string // of the tries that were made
		met   bool
	}{
		"met at once":         {[][]check{{p99(fast)}}, "10ms", true},
		"met at the third":    {[][]check{{p99(slow)}, {p99(slow)}, {p99(fast)}}, "10ms (best of 3)", true},
		"one of each":         {[][]check{{p99(slow), rate("rate", 9, 5)}, {p99(fast), rate("rate", 1, 5)}}, "10ms (best of 2), 9/s (best of 2)", true},
		"never met":           {[][]check{{p99(2 * slow)}, {p99(slow)}, {p99(3 * slow)}}, "30ms (best of 3)", false},
		"wrong, and in time":  {[][]check{{p99(fast), none("wrong", 1)}}, "10ms, 1", false},
		"wrong the next time": {[][]check{{p99(slow), none("wrong", 0)}, {p99(fast), none("wrong", 2)}}, "10ms (best of 2), 2", false},
		"right the next time": {[][]check{{p99(slow), memory("memory", 9<<20, 9<<20)}, {p99(fast), memory("memory", 1<<20, 9<<20)}}, "10ms (best of 2), 9 MiB", true},
		"wrong, and too slow": {[][]check{{p99(slow), none("wrong", 1)}}, "30ms, 1", false},
	} {
		t.Run(name, func(t *testing.T) {
			made := 0
			g := &goal{measure: func(context.Context, *bench) ([]check, error) {
				made++
				return test.tries[made-1], nil
			}}
			checks, tries, err := repeat(t.Context(), b, g)
			if err != nil || tries != len(test.tries) || tries != made {
				t.Errorf("%d tries, %v", tries, err)
			}
			var got []string
			for _, c := range checks {
				got = append(got, c.measured(tries))
			}
			if r := (row{checks: checks}); strings.Join(got, ", ") != test.want || r.missed() == test.met {
				t.Errorf("got %q, missed: %v", got, r.missed())
			}
		})
	}
}

// TestSlack: it is for times and rates, and not for what is wrong.
func TestSlack(t *testing.T) {
	for name, test := range map[string]struct {
		check  check
		failed bool
	}{
		"a rate that is met":           {rate("rate", 5, 5), false},
		"a rate that is half":          {rate("rate", 2.5, 5), false},
		"a rate that is less":          {rate("rate", 2.4, 5), true},
		"a time that is twice as long": {within("p99", 40*time.Millisecond, 20*time.Millisecond), false},
		"a time that is longer":        {within("p99", 41*time.Millisecond, 20*time.Millisecond), true},
		"one answer that is wrong":     {none("wrong", 1), true},
		"a little too much memory":     {memory("memory", 10<<20, 9<<20), true},
	} {
		r := row{checks: []check{test.check}}
		if r.failed(2) != test.failed || r.failed(1) == test.check.met() {
			t.Errorf("%s: failed with slack: %v, without: %v", name, r.failed(2), r.failed(1))
		}
	}
}

// TestRepeatFails: what cannot be measured is neither met nor missed.
func TestRepeatFails(t *testing.T) {
	broken := errors.New("broken")
	g := &goal{measure: func(context.Context, *bench) ([]check, error) { return nil, broken }}
	b := &bench{logger: slog.New(slog.DiscardHandler)}
	if _, _, err := repeat(t.Context(), b, g); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.measure = func(context.Context, *bench) ([]check, error) { return []check{none("wrong", 0)}, nil }
	if _, _, err := repeat(ctx, b, g); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: error is %v", err)
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	err := writeTable(&b, []row{
		{goal: goal{id: "R1", about: "pulls", measure: measureAnonymous}, tries: 2, checks: []check{
			rate("tokens", 6000, 5000).noted("of many"), none("wrong", 1), memory("memory", 3<<20, 4<<20),
		}},
		{goal: goal{id: "R2", about: "logins", measure: measureWarm, tests: []string{"x.TestA"}}, tries: 1, checks: []check{
			within("p99", 12345*time.Microsecond, 20*time.Millisecond), ratio("p99 twice", 1.5, 2), bounded("files", 3, 4), some("verified", 7),
		}},
		{goal: goal{id: "R3", about: "later", measure: measureRefresh, nightly: true}},
		{goal: goal{id: "R7", about: "clock", tests: []string{"x.TestB", "y.TestC"}, command: "go run it"}},
	}, 0.257)
	if err != nil {
		t.Fatal(err)
	}
	squeezed := regexp.MustCompile(` {2,}`).ReplaceAllString(b.String(), " | ")
	want := `goal | what | has to be | measured | verdict
R1 | tokens | ≥ 5000/s | 6000/s (best of 2) [of many] | met
 | wrong | 0 | 1 | MISSED
 | memory | ≤ 4 MiB | 3 MiB | met
R2 | p99 | ≤ 20ms | 12.3ms | met
 | p99 twice | ≤ 2.00 | 1.50 | met
 | files | ≤ 4 | 3 | met
 | verified | ≥ 1 | 7 | met
 | logins | x.TestA | by go test
R3 | later | not measured: nightly
R7 | clock | x.TestB | by go test
 | clock | y.TestC | by go test
 | clock | go run it | by command

1 goals measured and met, 1 missed; other programs had 26 % of the processors
`
	if squeezed != want {
		t.Errorf("the table is\n%s\nwant\n%s", squeezed, want)
	}
}

func TestBareServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error)
	go func() { ended <- serveBare(ctx, 2345, in) }()
	host, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Get("http://" + strings.TrimSpace(host) + "/auth")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || len(text) != 2345 || !strings.HasPrefix(string(text), `{"token":"`) {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestMeasures a goal for a moment. How the figures come out is not for a test to judge.
func TestMeasures(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-only", "R1", "-for", "1s"}, &stdout, &stderr); code == exitFailed {
		t.Fatalf("%s%s", &stdout, &stderr)
	}
	for _, wanted := range []string{`R1 +anonymous tokens at 64 connections +≥ 5000/s +[1-9]`, `requests without a token +0 +0 `, `verified by distribution +≥ 1 +[1-9]`} {
		if !regexp.MustCompile(wanted).MatchString(stdout.String()) {
			t.Errorf("the table has no %q:\n%s%s", wanted, &stdout, &stderr)
		}
	}
}
