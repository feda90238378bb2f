package main

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/acl"
	"github.com/berthpass/registry-auth/examples/internal/latency"
	"github.com/berthpass/registry-auth/scope"
)

// TestSoak is a short one. How long tells SOAK_FOR.
func TestSoak(t *testing.T) {
	duration := "2s"
	if longer := os.Getenv("SOAK_FOR"); longer != "" {
		duration = longer
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-for", duration, "-connections", "8", "-users", "12"}, &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	t.Log("\n" + stdout.String())
	for _, wanted := range []string{`rate +[1-9]`, `p50 .*, p95 .*, p99 `, `[1-9]\d* tokens, [1-9]\d* of them for refresh tokens; [1-9]\d* guesses`, `all is well`} {
		if !regexp.MustCompile(wanted).MatchString(stdout.String()) {
			t.Errorf("the report has no %q", wanted)
		}
	}
}

func TestFlags(t *testing.T) {
	for args, test := range map[string]struct {
		code int
		said string
	}{
		"-h":                {0, "-connections"},
		"-for 0s":           {2, "-for is between"},
		"-for 1000h":        {2, "-for is between"},
		"-connections 0":    {2, "-connections is between"},
		"-connections 9999": {2, "-connections is between"},
		"-users 0":          {2, "-users is between"},
		"-users x":          {2, "invalid value"},
		"extra":             {2, "unexpected argument"},
	} {
		var stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(args), &bytes.Buffer{}, &stderr); code != test.code || !strings.Contains(stderr.String(), test.said) {
			t.Errorf("%s: exit code %d, saying %s", args, code, &stderr)
		}
	}
}

// TestInterrupted: one that is stopped while it warms up says so, and leaves nothing behind.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdout, stderr := &interrupting{cancel: cancel}, new(bytes.Buffer)
	code := run(ctx, []string{"-for", "1h", "-connections", "2", "-users", "2"}, stdout, stderr)
	if code != 1 || !strings.Contains(stdout.String(), "stopped before it had warmed up") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// interrupting is somebody who watches, and presses Ctrl-C when the load begins.
type interrupting struct {
	bytes.Buffer

	cancel context.CancelFunc
}

func (i *interrupting) Write(p []byte) (int, error) {
	if strings.Contains(string(p), loggedIn) {
		i.cancel()
	}
	return i.Buffer.Write(p)
}

// TestProblems: each kind of growth is seen.
func TestProblems(t *testing.T) {
	good := func() *report {
		u := usage{heap: 1000, goroutines: 100, files: 50}
		r := &report{times: latency.New(), counts: new(counts), elapsed: time.Second, idle: u, warm: u, end: u, left: u}
		r.times.Add(time.Millisecond)
		return r
	}
	for problem, spoil := range map[string]func(*report){
		"":                               func(r *report) { r.end.heap, r.end.goroutines = 1100, 110 },
		"the heap has grown by 11 %":     func(r *report) { r.end.heap = 1110 },
		"goroutines while it ran":        func(r *report) { r.end.goroutines = 111 },
		"open files while it ran":        func(r *report) { r.end.files = 51 },
		"goroutines when it was stopped": func(r *report) { r.left.goroutines = 101 },
		"open files when it was stopped": func(r *report) { r.left.files = 51 },
		"before it had warmed up":        func(r *report) { r.times = latency.New() },
		"a wrong answer":                 func(r *report) { r.counts.wrong("a wrong answer") },
	} {
		r := good()
		spoil(r)
		got := strings.Join(r.problems(), "\n")
		if !strings.Contains(got, problem) || (problem == "") != (got == "") {
			t.Errorf("problems are %q, want %q", got, problem)
		}
	}
}

// TestOracle: it agrees with the rules, and grants something to each kind of asker.
func TestOracle(t *testing.T) {
	parsed, err := acl.ParseJSON([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := acl.Compile(parsed)
	if err != nil {
		t.Fatal(err)
	}
	people := newAccounts(12)
	random := rand.New(rand.NewPCG(1, 2))
	granted := make(map[string]int)
	for i := range 20_000 {
		asker := account{}
		if i%5 > 0 {
			asker = people[random.IntN(len(people))]
		}
		subject := authn.Subject{Name: asker.name}
		if asker.robot {
			subject.Kind, subject.Labels = authn.KindServiceAccount, map[string][]string{"group": asker.groups}
		}
		for _, q := range newQuestions(random, asker, people) {
			s, err := scope.Parse(q.String())
			if err != nil {
				continue // the same is left out by the server
			}
			d, err := list.Authorize(t.Context(), authz.Request{Subject: subject, Scope: s})
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Join(allowed(asker, q), ",")
			if got := strings.Join(s.Intersect(d.Actions).Actions, ","); got != want {
				t.Fatalf("%+v asks %v: rules grant %q, the oracle %q", asker, q, got, want)
			}
			if want != "" {
				granted[d.Reason]++
			}
		}
	}
	if len(granted) != len(parsed) {
		t.Errorf("of %d rules these granted something: %v", len(parsed), granted)
	}
}
