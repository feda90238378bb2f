package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

// runLoad runs the program.
func runLoad(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	p := &program{stdin: strings.NewReader("carol:christmas\n"), stdout: &out, stderr: &err, getenv: func(name string) string {
		return map[string]string{passwordVariable: "wonderland"}[name]
	}}
	code = p.run(ctx, args)
	return code, out.String(), err.String()
}

// TestScenarios plays each against the program's own server, shortly. All answers are as they should be.
func TestScenarios(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		rows []string
	}{
		"mixed":   {[]string{"-nodes", "50"}, []string{"anonymous", "login", "cold", "refresh", "wrong"}},
		"rollout": {[]string{"-nodes", "60"}, []string{"login"}},
		"flood":   {[]string{"-nodes", "40"}, []string{"anonymous", "login", "refresh", "wrong"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"-scenario", name, "-for", "300ms", "-warm-up", "0"}, test.args...)
			code, stdout, stderr := runLoad(t.Context(), args...)
			if code != exitOK {
				t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
			}
			t.Log("\n" + stdout)
			for _, row := range test.rows {
				if !regexp.MustCompile(`(?m)^ *` + row + ` +\d+ +[1-9]`).MatchString(stdout) {
					t.Errorf("no requests of %s in\n%s", row, stdout)
				}
			}
			for _, want := range []string{"p99.9", "this process used", " nodes, "} {
				if !strings.Contains(stdout, want) {
					t.Errorf("there is no %q in\n%s", want, stdout)
				}
			}
			if strings.Contains(stdout, "problem:") || !strings.Contains(stderr, "msg=measure") {
				t.Errorf("%s%s", stdout, stderr)
			}
		})
	}
}

// TestRolloutAsksOnce: each node asks the same question once, as the same user.
func TestRolloutAsksOnce(t *testing.T) {
	code, stdout, stderr := runLoad(t.Context(), "-scenario", "rollout", "-nodes", "30", "-json", "-quiet")
	var r load.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v, exit code %d\n%s", err, code, stderr)
	}
	if len(r.Groups) != 1 || r.Groups[0].Tokens != 30 || r.Groups[0].Requests != 30 {
		t.Errorf("%+v", r.Groups)
	}
}

func TestChart(t *testing.T) {
	folder := t.TempDir()
	s := httptest.NewServer(says(200, `{"token":"x"}`))
	defer s.Close()
	args := []string{"-url", s.URL, "-service", "test", "-requests", "200", "-warm-up", "0", "-mix", "anonymous=1", "-quiet", "-chart"}
	for format, check := range map[string]func(io.Reader) error{
		"svg": func(r io.Reader) error { return xml.NewDecoder(r).Decode(new(struct{ XMLName xml.Name })) },
		"png": func(r io.Reader) error { _, err := png.Decode(r); return err },
	} {
		path := filepath.Join(folder, "chart."+format)
		code, _, stderr := runLoad(t.Context(), append(args, path)...)
		if code != exitOK || stderr != "" {
			t.Fatalf("exit code %d, %s", code, stderr)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := check(file); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
	code, stdout, stderr := runLoad(t.Context(), append(args, filepath.Join(folder, "nowhere", "chart.png"))...)
	if code != exitFailed || !strings.Contains(stderr, "chart: ") || !strings.Contains(stdout, "p99.9") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}

// TestOtherServers: the program asks a server that it is told, with the users that it is given, and says when that is wrong.
func TestOtherServers(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, []byte("# people\nalice:wonderland\n\nbob:builder:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	right := map[string]string{"alice": "wonderland", "bob": "builder:1", "carol": "christmas"}
	honest := func(w http.ResponseWriter, r *http.Request) {
		name, password, ok := r.BasicAuth()
		if ok && right[name] != password {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"token":"for `+name+" "+r.FormValue("scope")+`"}`)
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		args   string
		code   int
		said   string
	}{
		"users of a file":              {honest, "-mix login=2,cold=1,wrong=1 -users " + users, exitOK, "login"},
		"a user":                       {honest, "-mix login=1 -user alice", exitOK, "login"},
		"users of the standard input":  {honest, "-mix login=1 -users -", exitOK, "login"},
		"nobody":                       {honest, "", exitOK, "anonymous"},
		"a scenario without users":     {honest, "-scenario flood", exitOK, "wrong"},
		"a scope":                      {honest, "-scope repository:a/b:pull", exitOK, "1 scope,"},
		"nobody, but logins":           {honest, "-mix login=1", exitUsage, "needs -users or -user"},
		"one user, and newcomers":      {honest, "-mix login=1,cold=1 -user alice", exitUsage, "needs two users"},
		"a server that lets all in":    {says(200, `{"token":"x"}`), "-mix wrong=1 -user alice", exitFailed, "answers are not as they should be"},
		"a server that lets nobody in": {says(401, ``), "-mix anonymous=1", exitFailed, "answers are not as they should be"},
		"a server without tokens":      {says(200, `{}`), "-mix anonymous=1", exitFailed, "200 without a token"},
		"a wrong user":                 {says(401, ``), "-mix login=1 -user alice", exitFailed, "alice logs in: 401"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(test.answer)
			defer s.Close()
			args := append([]string{"-url", s.URL, "-service", "test", "-nodes", "4", "-requests", "40", "-warm-up", "0"}, strings.Fields(test.args)...)
			code, stdout, stderr := runLoad(t.Context(), args...)
			if code != test.code || !strings.Contains(stdout+stderr, test.said) {
				t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
			}
			for _, secret := range right {
				if strings.Contains(stdout+stderr, secret) {
					t.Errorf("the output has the password %q", secret)
				}
			}
		})
	}
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestNoServer(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	code, stdout, stderr := runLoad(t.Context(), "-url", s.URL, "-service", "test", "-nodes", "2", "-requests", "4", "-warm-up", "0")
	if code != exitFailed || !strings.Contains(stderr, "there was no answer") || !strings.Contains(stdout, "refused: ") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

func TestCommandLine(t *testing.T) {
	for args, test := range map[string]struct {
		code int
		said string
	}{
		"-h":                            {exitOK, "-scenario"},
		"extra":                         {exitUsage, "unexpected argument"},
		"-for x":                        {exitUsage, "invalid value"},
		"-for 2h":                       {exitUsage, "-for is up to 1h"},
		"-for 1h -warm-up 1h":           {exitUsage, "up to 1h"},
		"-scenario rollout -warm-up 1s": {exitUsage, "has rounds"},
		"-scenario x":                   {exitUsage, `there is no scenario "x"`},
		"-mix x=1":                      {exitUsage, "-mix has"},
		"-mix login":                    {exitUsage, "-mix has"},
		"-mix login=0":                  {exitUsage, "is nobody"},
		"-nodes 10001":                  {exitUsage, "-nodes is between"},
		"-images -1":                    {exitUsage, "-images is between"},
		"-connections -1":               {exitUsage, "-connections is"},
		"-rate -1":                      {exitUsage, "-rate is"},
		"-chart x.gif":                  {exitUsage, "ends with .svg or .png"},
		"-service s":                    {exitUsage, "need -url"},
		"-url http://localhost/":        {exitUsage, "needs -service"},
		"-url http://localhost/ -service s -user alice -users x": {exitUsage, "not both"},
		"-url http://localhost/ -service s -users /nowhere":      {exitUsage, "users: "},
		"-url http://192.0.2.1/token -service s":                 {exitUsage, "not a loopback address"},
		"-url ftp://localhost/ -service s":                       {exitUsage, "http://"},
	} {
		code, stdout, stderr := runLoad(t.Context(), strings.Fields(args)...)
		if code != test.code || !strings.Contains(stdout+stderr, test.said) {
			t.Errorf("%s: exit code %d, saying %s%s", args, code, stdout, stderr)
		}
	}
}

func TestPasswordIsNeeded(t *testing.T) {
	var stderr bytes.Buffer
	p := &program{stdout: io.Discard, stderr: &stderr, getenv: func(string) string { return "" }}
	code := p.run(t.Context(), []string{"-url", "http://127.0.0.1:1/", "-service", "s", "-user", "alice"})
	if code != exitUsage || !strings.Contains(stderr.String(), passwordVariable) {
		t.Errorf("exit code %d, %s", code, &stderr)
	}
}

// TestInterrupted: what was measured until then is told, and the exit code is about that.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 20 {
			cancel()
		}
		_, _ = io.WriteString(w, `{"token":"x"}`)
	}))
	defer s.Close()
	code, stdout, stderr := runLoad(ctx, "-url", s.URL, "-service", "test", "-mix", "anonymous=1", "-nodes", "1", "-for", "1h", "-warm-up", "0")
	if code != exitOK || !strings.Contains(stdout, "interrupted") || !regexp.MustCompile(`anonymous +1 +(19|20) `).MatchString(stdout) {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

func TestParseMix(t *testing.T) {
	m, err := parseMix("anonymous=70, login=30")
	if err != nil || m[load.Anonymous] != 70 || m[load.Login] != 30 || m.sum() != 100 {
		t.Errorf("%v, %v", m, err)
	}
}

func TestParseUsers(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "there are none",
		"alice":             "line 1",
		"alice:x\n:secret":  "line 2",
		"alice:x\nbob:":     "line 2",
		"alice:x\r\nbob:y:": "",
	} {
		users, err := parseUsers(strings.NewReader(text))
		switch {
		case want == "" && (err != nil || len(users) != 2 || users[0].Password != "x" || users[1].Password != "y:"):
			t.Errorf("%q: %v, %v", text, users, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v", text, err)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("the error has a password: %v", err)
		}
	}
}

// TestSources: the nodes have different addresses, and those who guess have one.
func TestSources(t *testing.T) {
	seen := make(map[string]bool)
	for _, a := range sources(load.Login, 5, load.MaxConnections) {
		if !a.IsLoopback() || seen[a.String()] || a.String() == floodAddress {
			t.Fatalf("%v is used twice, or is no address", a)
		}
		seen[a.String()] = true
	}
	if list := sources(load.Wrong, 0, 100); len(list) != 1 || list[0].String() != floodAddress {
		t.Errorf("guesses come from %v", list)
	}
}

func TestBar(t *testing.T) {
	var b bytes.Buffer
	bar := newBar(&b)
	bar.show(load.Progress{Phase: "measure", Done: 0.5, Requests: 1234})
	bar.end()
	if !strings.Contains(b.String(), "1234 requests") {
		t.Errorf("it shows %q", &b)
	}
}
