package load

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"image/png"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
)

func parse(args string) (*Options, error) {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return Parse(flags, strings.Fields(args))
}

func TestFlags(t *testing.T) {
	for args, problem := range map[string]string{
		"":                        "",
		"-scenario flood -for 1h": "",
		"-url http://localhost -service s -users f": "",
		"extra":                    "unexpected argument",
		"-for x":                   "invalid value",
		"-for 2h":                  "-for is up to 1h",
		"-scenario x":              `there is no scenario "x"`,
		"-nodes 10001":             "-nodes is between",
		"-nodes -1":                "-nodes is between",
		"-rate -1":                 "-rate is negative",
		"-picture x.gif":           "ends with .svg or .png",
		"-service s":               "need -url",
		"-users f":                 "need -url",
		"-url http://localhost/":   "needs -service",
		"-scenario rollout -for 0": "-for is up to",
	} {
		_, err := parse(args)
		if (err == nil) != (problem == "") || !strings.Contains(fmt.Sprint(err), problem) {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// Load on another machine needs -remote.
func TestTargets(t *testing.T) {
	for url, allowed := range map[string]bool{
		"http://localhost:1/token":            true,
		"https://127.0.0.1:1/token":           true,
		"http://example.com/token":            false,
		"http://[::1]:1/token":                true,
		"http://[::ffff:127.0.0.1]:1/token":   true,
		"http://192.0.2.1/token":              false,
		"http://[2001:db8::1]/token":          false,
		"http://0.0.0.0/token":                false,
		"localhost:5001/token":                false,
		"ftp://127.0.0.1/token":               false,
		"http://alice:secret@127.0.0.1/token": false,
		"http://127.0.0.1/token?service=x":    false,
		"http://192.0.2.1/token -remote":      true,
	} {
		_, err := parse("-service s -url " + url)
		if (err == nil) != allowed || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestUsersFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	for text, problem := range map[string]string{
		"alice":                               "line 1",
		"alice:x\n:secret":                    "line 2",
		"alice:x\nbob:":                       "line 2",
		"# people\nalice:x\r\n\nbob:y:secret": "",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		users, err := (&Options{usersFile: file}).readUsers()
		switch {
		case problem == "" && (err != nil || len(users) != 2 || users[1].Password != "y:secret"):
			t.Errorf("%q: %v, %v", text, users, err)
		case problem != "" && (err == nil || !strings.Contains(err.Error(), problem)):
			t.Errorf("%q: %v", text, err)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("the error has a password: %v", err)
		}
	}
}

// A scenario has a group for each kind that the users make possible, of the size of its share.
func TestScenarios(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(honest))
	defer server.Close()
	both := people{users()[:1], users()[1:]}
	for args, test := range map[string]struct {
		people people
		want   map[string]int
	}{
		"-scenario mixed": {both, map[string]int{
			"anonymous": 60, "login": 26, "refresh": 10, "first": 2, "wrong": 2,
		}},
		"-scenario flood": {both, map[string]int{
			"anonymous": 38, "login": 18, "refresh": 8, "wrong": 192,
		}},
		"-scenario rollout":          {both, map[string]int{"login": 1000}},
		"-nodes 10 -scenario logins": {both, map[string]int{"anonymous": 7, "login": 3}},
		"-nodes 1": {both, map[string]int{
			"anonymous": 1, "login": 1, "refresh": 1, "first": 1, "wrong": 1,
		}},
		"-scenario mixed -nodes 100":  {people{}, map[string]int{"anonymous": 97, "wrong": 3}},
		"-scenario rollout -nodes 30": {people{}, map[string]int{"anonymous": 30}},
	} {
		o, err := parse(args)
		if err != nil {
			t.Fatal(err)
		}
		e := &clients.Endpoint{URL: server.URL, Service: "s"}
		groups, err := o.groups(t.Context(), e, test.people)
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[string]int)
		for _, g := range groups {
			got[g.Name] = g.Clients
			if once := args == "-scenario rollout"; once != (g.Limit == 1000) {
				t.Errorf("%s: %s has the limit %d", args, g.Name, g.Limit)
			}
		}
		if !maps.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", args, got, test.want)
		}
	}
}

func users() []clients.User {
	return []clients.User{
		{Name: "alice", Password: "wonderland"}, {Name: "bob", Password: "builder"},
	}
}

// honest is a token server.
func honest(w http.ResponseWriter, r *http.Request) {
	name, password, given := r.BasicAuth()
	right := map[string]string{"alice": "wonderland", "bob": "builder"}
	if given && right[name] != password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_, _ = io.WriteString(w, `{"token":"x","refresh_token":"y"}`)
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// A server that answers wrongly is found, and no password is printed.
func TestServersThatAreWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte("alice:wonderland\nbob:builder\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	withUsers := " -users " + file
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		args   string
		right  bool
		said   string
	}{
		"all kinds":          {honest, withUsers, true, "refresh"},
		"at a rate":          {honest, "-rate 200", true, "anonymous"},
		"a busy server":      {says(503, ""), "", true, "503"},
		"everybody gets in":  {says(200, `{"token":"x"}`), "", false, "a wrong password got"},
		"nobody gets in":     {says(401, ""), "", false, `401 ""`},
		"no token":           {says(200, "{}"), "", false, "no token"},
		"a redirect":         {says(302, ""), "", false, "302"},
		"an internal error":  {says(500, "oh"), "", false, `500 "oh"`},
		"the passwords fail": {says(401, ""), withUsers, false, "logging in: alice: 401"},
		"without refreshes":  {says(200, `{"token":"x"}`), withUsers, false, "no refresh token"},
		"logins without those": {
			says(200, `{"token":"x"}`), "-scenario logins" + withUsers, true, "login",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			args := "-nodes 4 -for 50ms -service s -url " + server.URL + " " + test.args
			right, said := run(t.Context(), t, args)
			if right != test.right || !strings.Contains(said, test.said) {
				t.Errorf("right: %v\n%s", right, said)
			}
			if strings.Contains(said, "wonderland") || strings.Contains(said, "builder") {
				t.Errorf("a password is printed:\n%s", said)
			}
		})
	}
}

func run(ctx context.Context, t *testing.T, args string) (right bool, said string) {
	t.Helper()
	o, err := parse(args)
	if err != nil {
		t.Fatal(err)
	}
	o.warmUp = 0 // so that the first request counts, however busy the machine is
	var stdout bytes.Buffer
	right, err = Run(ctx, o, &stdout, io.Discard)
	if err != nil {
		return false, err.Error()
	}
	return right, stdout.String()
}

// No server is no success.
func TestNoServer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	right, said := run(t.Context(), t, "-nodes 2 -for 50ms -service s -url "+server.URL)
	if right || !strings.Contains(said, "connection refused") {
		t.Errorf("right: %v\n%s", right, said)
	}
}

// The server of the lab is examples/server. The files have what was asked for.
func TestOwnServer(t *testing.T) {
	folder := t.TempDir()
	report, picture := filepath.Join(folder, "report.json"), filepath.Join(folder, "picture.")
	for format, decode := range map[string]func(io.Reader) error{
		"svg": func(r io.Reader) error {
			return xml.NewDecoder(r).Decode(new(struct{ XMLName xml.Name }))
		},
		"png": func(r io.Reader) error { _, err := png.Decode(r); return err },
	} {
		right, said := run(t.Context(), t,
			"-scenario rollout -nodes 30 -for 20s -json "+report+" -picture "+picture+format)
		if !right {
			t.Fatal(said)
		}
		file, err := os.Open(picture + format)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := decode(file); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if g := r.Groups[0]; g.Requests != 30 || g.Tokens != 30 || g.P99 <= 0 || r.Elapsed <= 0 {
		t.Errorf("%+v", r.Report)
	}
	if u := r.Server[len(r.Server)-1]; u.Resident == 0 || u.Goroutines == 0 || u.NextGC == 0 {
		t.Errorf("the server used %+v", u)
	}
}
