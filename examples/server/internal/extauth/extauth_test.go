package extauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/server/internal/extauth"
	"github.com/berthpass/registry-auth/scope"
)

// program writes a shell script and returns it, ready to be asked.
func program(t *testing.T, script string, change ...func(*extauth.Config)) *extauth.Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := extauth.Config{Path: path, Args: []string{"first", "second one"}, Env: os.Environ(), Timeout: 20 * time.Second, MaxRunning: 4}
	for _, c := range change {
		c(&cfg)
	}
	return extauth.New(cfg)
}

func TestAuthenticate(t *testing.T) {
	for name, test := range map[string]struct {
		script   string
		username string
		want     authn.Subject
		err      string // empty: none
		is       error
	}{
		"the password is right":           {`read -r all; [ "$all" = "alice won der" ]`, "alice", authn.Subject{Name: "alice"}, "", nil},
		"with labels":                     {`echo '{"labels": {"group": ["a", "b"]}}'`, "alice", authn.Subject{Name: "alice", Labels: map[string][]string{"group": {"a", "b"}}}, "", nil},
		"it sees its arguments":           {`[ "$1" = first ] && [ "$2" = "second one" ]`, "alice", authn.Subject{Name: "alice"}, "", nil},
		"it does not read its input":      {`exec <&-; exit 0`, "alice", authn.Subject{Name: "alice"}, "", nil},
		"the password is wrong":           {`exit 1`, "alice", authn.Subject{}, "refuses", authn.ErrRejected},
		"no such user":                    {`exit 2`, "alice", authn.Subject{}, "does not know", authn.ErrNoMatch},
		"another code":                    {`echo "database is down" >&2; exit 3`, "alice", authn.Subject{}, `exit status 3, it says "database is down"`, nil},
		"it tells the password":           {`cat >&2; exit 3`, "alice", authn.Subject{}, `it says "alice ***"`, nil},
		"it is killed":                    {`kill -9 $$`, "alice", authn.Subject{}, "killed", nil},
		"output that is not JSON":         {`echo welcome`, "alice", authn.Subject{}, "not a JSON object", nil},
		"labels of another form":          {`echo '{"labels": ["a"]}'`, "alice", authn.Subject{}, "not a JSON object", nil},
		"endless output":                  {`while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done`, "alice", authn.Subject{}, "writes too much", nil},
		"much on the standard error":      {`head -c 100000 /dev/zero | tr '\0' x >&2; exit 0`, "alice", authn.Subject{Name: "alice"}, "", nil},
		"nobody is asked about anonymous": {`exit 0`, "", authn.Subject{}, "no match", authn.ErrNoMatch},
		"nor about a name with a space":   {`exit 0`, "alice b", authn.Subject{}, "no match", authn.ErrNoMatch},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := program(t, test.script).Authenticator().Authenticate(t.Context(), &authn.Request{Username: test.username, Password: "won der"})
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("subject is %+v, want %+v", got, test.want)
			}
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("error is %v, want one with %q", err, test.err)
			}
			for _, sentinel := range []error{authn.ErrRejected, authn.ErrNoMatch} {
				if errors.Is(err, sentinel) != errors.Is(test.is, sentinel) {
					t.Errorf("error is %v, want %v", err, test.is)
				}
			}
		})
	}
}

// TestTimeout: a program that hangs is given up, and killed with the children that it started.
func TestTimeout(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	dead := make(chan error)
	go func() {
		_, err := os.ReadFile(pipe) // ends when nobody holds the other end any more
		dead <- err
	}()
	p := program(t, `exec 3> `+pipe+`; sleep 600 & wait`, func(c *extauth.Config) { c.Timeout = time.Second })
	_, err := p.Authenticator().Authenticate(t.Context(), &authn.Request{Username: "alice", Password: "x"})
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, authn.ErrRejected) {
		t.Fatalf("error is %v", err)
	}
	if err := <-dead; err != nil {
		t.Error(err)
	}
}

// TestMaxRunning: one more than may run at once waits, and has an error when its time is over.
func TestMaxRunning(t *testing.T) {
	folder := t.TempDir()
	for _, pipe := range []string{"/running", "/finish"} {
		if err := syscall.Mkfifo(folder+pipe, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := program(t, `echo > `+folder+`/running; cat `+folder+`/finish`, func(c *extauth.Config) { c.MaxRunning = 1 })
	first := make(chan error)
	go func() {
		_, err := p.Authenticator().Authenticate(t.Context(), &authn.Request{Username: "alice", Password: "x"})
		first <- err
	}()
	if _, err := os.ReadFile(folder + "/running"); err != nil { // until it runs
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Authenticator().Authenticate(ctx, &authn.Request{Username: "bob", Password: "x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if err := os.WriteFile(folder+"/finish", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestAuthorize(t *testing.T) {
	asked := scope.Scope{Type: "repository", Name: "team/app", Actions: []string{"pull", "push"}}
	for name, test := range map[string]struct {
		script string
		want   []string
		err    string
	}{
		"all is granted":  {"exit 0", []string{"pull", "push"}, ""},
		"nothing is":      {"exit 1", nil, ""},
		"two is an error": {"exit 2", nil, "exit code 2"},
		"it is broken":    {"exit 7", nil, "exit status 7"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := program(t, test.script).Authorizer().Authorize(t.Context(), authz.Request{Scope: asked})
			if !reflect.DeepEqual(d.Actions, test.want) || d.NoMatch {
				t.Errorf("decision is %+v, want %v", d, test.want)
			}
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("error is %v, want one with %q", err, test.err)
			}
		})
	}
}

// TestQuestion checks what the program reads.
func TestQuestion(t *testing.T) {
	file := filepath.Join(t.TempDir(), "question")
	_, err := program(t, "cat > "+file).Authorizer().Authorize(t.Context(), authz.Request{
		Subject:    authn.Subject{Name: "alice", Labels: map[string][]string{"group": {"devs"}}},
		Service:    "registry.test",
		Scope:      scope.Scope{Type: "repository", Name: "team/app", Actions: []string{"pull"}},
		RemoteAddr: netip.MustParseAddr("192.0.2.1"),
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"Account": "alice", "Type": "repository", "Name": "team/app", "Service": "registry.test", "IP": "192.0.2.1",
		"Actions": []any{"pull"}, "Labels": map[string]any{"group": []any{"devs"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the program read %s", text)
	}
}
