package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/acl"
	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/examples/lab/internal/target"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

func parse(args string) (*Options, error) {
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return Parse(flags, strings.Fields(args))
}

func TestFlags(t *testing.T) {
	for args, problem := range map[string]string{
		"":                               "",
		"-for 1h -clients 1 -users 2000": "",
		"-for 0s":                        "-for is between",
		"-for 1000h":                     "-for is between",
		"-clients 0":                     "-clients is between",
		"-clients 9999":                  "-clients is between",
		"-users 0":                       "-users is between",
		"-users x":                       "invalid value",
		"-picture x.gif":                 "ends with",
		"extra":                          "unexpected argument",
	} {
		_, err := parse(args)
		if (err == nil) != (problem == "") || !strings.Contains(fmt.Sprint(err), problem) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// The oracle agrees with the rules, and each entry grants something to somebody.
func TestOracle(t *testing.T) {
	parsed, err := acl.ParseJSON([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := acl.Compile(parsed)
	if err != nil {
		t.Fatal(err)
	}
	users, table := newUsers(12), oracle()
	random := rand.New(rand.NewPCG(1, 2))
	granted := make(map[string]int)
	for i := range 20_000 {
		asker := clients.User{}
		if i%5 > 0 {
			asker = users[random.IntN(len(users))]
		}
		labels := map[string][]string{"group": asker.Groups}
		subject := authn.Subject{Name: asker.Name, Labels: labels}
		for _, s := range newScopes(random, asker, users) {
			d, err := list.Authorize(t.Context(), authz.Request{Subject: subject, Scope: s})
			if err != nil {
				t.Fatal(err)
			}
			var want []scope.Scope
			if got := s.Intersect(d.Actions); len(got.Actions) > 0 {
				want = []scope.Scope{got}
				granted[d.Reason]++
			}
			got := expected(table, asker, []scope.Scope{s})
			if scope.Format(got) != scope.Format(want) {
				t.Fatalf("%+v asks for %v: rules grant %v, the oracle %v", asker, s, want, got)
			}
		}
	}
	if len(granted) != len(parsed) || len(table) != len(parsed) {
		t.Errorf("of %d rules these granted something: %v", len(parsed), granted)
	}
}

// lyingServer is a token server that may do anything. It grants what the oracle says, and change
// may spoil that.
func lyingServer(t *testing.T, a *asker, change func(*token.Request)) *httptest.Server {
	t.Helper()
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := token.NewIssuer(token.IssuerConfig{Name: target.Issuer, Keys: key})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := r.BasicAuth()
		if name == "" {
			name = r.FormValue("username")
		}
		if refreshToken := r.FormValue("refresh_token"); refreshToken != "" {
			name = refreshToken // which is the name here
		}
		asker := clients.User{Name: name}
		for _, u := range a.users {
			if u.Name == name {
				asker = u
			}
		}
		asked, problems := scope.ParseList(r.Form["scope"]...)
		if len(problems) > 0 {
			t.Error(problems)
		}
		request := token.Request{
			Subject: name, Audience: target.Service, Access: expected(a.table, asker, asked),
		}
		change(&request)
		issued, err := issuer.Issue(r.Context(), request)
		if err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"token": string(issued.Value), "access_token": string(issued.Value), "expires_in": 300,
		})
	}))
	t.Cleanup(server.Close)
	return server
}

// A server that answers wrongly is found, in each way to ask.
func TestWrongAnswersAreFound(t *testing.T) {
	const questions = 400
	for name, test := range map[string]struct {
		change func(*token.Request)
		verify error
		wrong  bool
	}{
		"right": {change: func(*token.Request) {}},
		"one action more": {change: func(r *token.Request) {
			if len(r.Access) > 0 && len(r.Access[0].Actions) == 1 {
				r.Access[0].Actions = append(r.Access[0].Actions, "zap")
			}
		}, wrong: true},
		"another resource": {change: func(r *token.Request) {
			if len(r.Access) == 0 {
				r.Access = []scope.Scope{{Type: "x", Name: "y", Actions: []string{"pull"}}}
			}
		}, wrong: true},
		"less than granted": {change: func(r *token.Request) { r.Access = nil }, wrong: true},
		"another subject":   {change: func(r *token.Request) { r.Subject = "eve" }, wrong: true},
		"another service":   {change: func(r *token.Request) { r.Audience = "other" }, wrong: true},
		"a signature that a registry refuses": {
			change: func(*token.Request) {}, verify: errors.New("bad signature"), wrong: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := &asker{users: newUsers(8), table: oracle(), addresses: clients.Addresses(2)}
			for _, u := range a.users {
				a.refreshTokens = append(a.refreshTokens, u.Name)
			}
			a.verify = func(string, string, []scope.Scope) error { return test.verify }
			url := lyingServer(t, a, test.change).URL
			a.endpoint = &clients.Endpoint{URL: url, Service: target.Service}
			r := attack.Run(t.Context(), attack.Plan{Duration: time.Minute, Groups: []attack.Group{
				{Name: "tokens", Clients: 4, Limit: questions, Write: a.write, Judge: a.judge},
			}})
			if g := r.Groups[0]; g.Requests != questions || (g.Wrong > 0) != test.wrong {
				t.Errorf("%d of %d answers are wrong: %v", g.Wrong, g.Requests, g.Problems)
			}
		})
	}
}

// Anything else than a token is wrong for right credentials, and a token is for a wrong password.
func TestStatuses(t *testing.T) {
	a := &asker{
		users: newUsers(4), table: oracle(), addresses: clients.Addresses(1),
		refreshTokens: make([]string, 4),
	}
	for _, test := range []struct {
		status      int
		retry       bool
		guessIsFine bool
	}{
		{http.StatusUnauthorized, false, true},
		{http.StatusTooManyRequests, true, true},
		{http.StatusServiceUnavailable, true, true},
		{http.StatusTooManyRequests, false, false},
		{http.StatusServiceUnavailable, false, false},
		{http.StatusOK, true, false},
		{http.StatusInternalServerError, true, false},
	} {
		t.Run(fmt.Sprint(test.status, test.retry), func(t *testing.T) {
			answer := attack.Answer{Status: test.status, MayRetry: test.retry, Body: []byte("{}")}
			if err := judgeGuess(answer); (err == nil) != test.guessIsFine {
				t.Errorf("a guess: %v", err)
			}
			if err := a.judge(1, answer); err == nil {
				t.Error("the answer to right credentials is right")
			}
		})
	}
}

// Each kind of growth is seen.
func TestGrowth(t *testing.T) {
	for problem, spoil := range map[string]func(*result){
		"":                        func(r *result) { r.End.Goroutines = 110 },
		"memory":                  func(r *result) { r.Server[3].NextGC = 150e6 },
		"goroutines":              func(r *result) { r.End.Goroutines = 111 },
		"open files":              func(r *result) { r.End.Files = 51 },
		"before it had warmed up": func(r *result) { r.Groups[0].Tokens = 0 },
		"tokens: 2 answers":       func(r *result) { r.Groups[0].Wrong = 2 },
		"tokens: 3 answers":       func(r *result) { r.WarmUp.Groups[0].Unanswered = 3 },
	} {
		r := quietResult()
		spoil(r)
		got := strings.Join(r.judge(), "\n")
		if !strings.Contains(got, problem) || (problem == "") != (got == "") {
			t.Errorf("problems are %q, want %q", got, problem)
		}
	}
}

// quietResult has a collection that found much alive in each window, and one that did not.
func quietResult() *result {
	at := func(seconds int, heap float64) target.Usage {
		return target.Usage{
			At: time.Duration(seconds) * time.Second, NextGC: heap, Goroutines: 100, Files: 50,
		}
	}
	report := func() *attack.Report {
		return &attack.Report{Groups: []attack.GroupReport{
			{Name: "tokens", Tokens: 9},
		}}
	}
	return &result{
		Report: report(), WarmUp: report(), Verified: 1,
		Idle: at(0, 0), Warm: at(10, 0), End: at(70, 0),
		Server: []target.Usage{at(5, 100e6), at(9, 150e6), at(65, 190e6), at(69, 110e6)},
	}
}

// A short soak of examples/server. SOAK_FOR makes it longer.
func TestSoak(t *testing.T) {
	duration := "4s"
	if longer := os.Getenv("SOAK_FOR"); longer != "" {
		duration = longer
	}
	folder := t.TempDir()
	o, err := parse("-clients 8 -users 12 -for " + duration +
		" -picture " + filepath.Join(folder, "p.svg") + " -json " + filepath.Join(folder, "r.json"))
	if err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	well, err := Run(t.Context(), o, &stdout, io.Discard)
	if err != nil || !well {
		t.Fatalf("%v\n%s", err, &stdout)
	}
	text, err := os.ReadFile(filepath.Join(folder, "r.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal(text, &r); err != nil || r.Verified == 0 || r.Groups[1].Requests == 0 {
		t.Errorf("%v, %d tokens verified\n%s", err, r.Verified, &stdout)
	}
	picture, err := os.ReadFile(filepath.Join(folder, "p.svg"))
	if !strings.Contains(string(picture), "goroutines") {
		t.Errorf("the picture: %v", err)
	}
}

// A soak that is stopped while it warms up says so.
func TestInterrupted(t *testing.T) {
	o, err := parse("-clients 2 -users 2 -for 1h")
	if err != nil {
		t.Fatal(err)
	}
	r, users := &result{}, newUsers(o.users)
	config := target.Config{Users: users, HashCost: target.CheapHash, Rules: rules}
	err = target.Run(t.Context(), config, func(s *target.Server) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		return o.soak(ctx, s, users, r, cancelling(cancel))
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(r.judge(), "\n"); !strings.Contains(got, "before it had warmed up") {
		t.Errorf("problems are %q", got)
	}
}

// cancelling is somebody who watches, and presses Ctrl-C when the load has begun.
type cancelling context.CancelFunc

func (c cancelling) Write(p []byte) (int, error) {
	c()
	return len(p), nil
}
