//go:build unix

package program_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/examples/server/internal/program"
	"github.com/berthpass/registry-auth/scope"
)

// newProgram returns a program that is a shell script.
func newProgram(t *testing.T, script string, change ...func(*program.Config)) *program.Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := program.Config{
		Path: path, Args: []string{"first", "second one"}, Env: os.Environ(),
		Timeout: 20 * time.Second, MaxRunning: 4,
	}
	for _, c := range change {
		c(&cfg)
	}
	return program.New(cfg)
}

func alice() authn.Request { return authn.Request{Username: "alice", Password: "won der"} }

func TestAuthenticate(t *testing.T) {
	alone := authn.Subject{Name: "alice"}
	inGroups := authn.Subject{Name: "alice", Labels: map[string][]string{"group": {"a", "b"}}}
	for name, test := range map[string]struct {
		script string
		want   authn.Subject
	}{
		"the password is right":      {`read -r all; [ "$all" = "alice won der" ]`, alone},
		"with labels":                {`echo '{"labels": {"group": ["a", "b"]}}'`, inGroups},
		"it sees its arguments":      {`[ "$1" = first ] && [ "$2" = "second one" ]`, alone},
		"it does not read its input": {`exec <&-; exit 0`, alone},
		"much on the standard error": {`head -c 100000 /dev/zero | tr '\0' x >&2; exit 0`, alone},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProgram(t, test.script)
			got, err := p.Authenticator().Authenticate(t.Context(), alice())
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("subject is %+v, want %+v, error is %v", got, test.want, err)
			}
		})
	}
}

func TestAuthenticateFails(t *testing.T) {
	const endless = `while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done`
	const notJSON = "not a JSON object"
	down := `exit status 3, it says "it is down"`
	for name, test := range map[string]struct {
		script, username string
		want             string
		is               error // nil: neither of the two
	}{
		"the password is wrong":           {`exit 1`, "alice", "refuses", authn.ErrRejected},
		"no such user":                    {`exit 2`, "alice", "does not know", authn.ErrNoMatch},
		"another code":                    {`echo "it is down" >&2; exit 3`, "alice", down, nil},
		"it tells the password":           {`cat >&2; exit 3`, "alice", `it says "alice ***"`, nil},
		"it is killed":                    {`kill -9 $$`, "alice", "killed", nil},
		"output that is not JSON":         {`echo welcome`, "alice", notJSON, nil},
		"labels of another form":          {`echo '{"labels": ["a"]}'`, "alice", notJSON, nil},
		"endless output":                  {endless, "alice", "writes too much", nil},
		"it is not asked about anonymous": {`exit 0`, "", "no match", authn.ErrNoMatch},
		"nor about a name with a space":   {`exit 0`, "alice b", "no match", authn.ErrNoMatch},
	} {
		t.Run(name, func(t *testing.T) {
			request := authn.Request{Username: test.username, Password: "won der"}
			p := newProgram(t, test.script)
			got, err := p.Authenticator().Authenticate(t.Context(), request)
			if err == nil || !strings.Contains(err.Error(), test.want) || got.Name != "" {
				t.Errorf("subject is %+v, error is %v, want one with %q", got, err, test.want)
			}
			for _, sentinel := range []error{authn.ErrRejected, authn.ErrNoMatch} {
				if errors.Is(err, sentinel) != errors.Is(test.is, sentinel) {
					t.Errorf("error is %v, want %v", err, test.is)
				}
			}
		})
	}
}

// TestSecretAtTheEnd: where the quotation of the standard error is cut, no part of the password is
// left.
func TestSecretAtTheEnd(t *testing.T) {
	p := newProgram(t, `printf %0504d 0 >&2; cat >&2; exit 3`) // cut after "alice wo"
	_, err := p.Authenticator().Authenticate(t.Context(), alice())
	if err == nil || !strings.Contains(err.Error(), "000") {
		t.Fatalf("error is %v", err)
	}
	if strings.Contains(err.Error(), "wo") {
		t.Errorf("a part of the password is in %v", err)
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
	p := newProgram(t, `exec 3> `+pipe+`; sleep 600 & wait`,
		func(c *program.Config) { c.Timeout = time.Second })
	_, err := p.Authenticator().Authenticate(t.Context(), alice())
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, authn.ErrRejected) {
		t.Fatalf("error is %v", err)
	}
	if err := <-dead; err != nil {
		t.Error(err)
	}
}

// TestNothingIsLeft running of a program that ends and leaves a child behind.
func TestNothingIsLeft(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	dead := make(chan error)
	go func() {
		_, err := os.ReadFile(pipe) // ends when nobody holds the other end any more
		dead <- err
	}()
	p := newProgram(t, `exec 3> `+pipe+`; sleep 600 < /dev/null > /dev/null 2>&1 & exit 0`)
	if _, err := p.Authenticator().Authenticate(t.Context(), alice()); err != nil {
		t.Fatal(err)
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
	p := newProgram(t, `echo > `+folder+`/running; cat `+folder+`/finish`,
		func(c *program.Config) { c.MaxRunning = 1 })
	first := make(chan error)
	go func() {
		_, err := p.Authenticator().Authenticate(t.Context(), alice())
		first <- err
	}()
	if _, err := os.ReadFile(folder + "/running"); err != nil { // until it runs
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	bob := authn.Request{Username: "bob", Password: "x"}
	if _, err := p.Authenticator().Authenticate(ctx, bob); !errors.Is(err, context.Canceled) {
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
			p := newProgram(t, test.script)
			d, err := p.Authorizer().Authorize(t.Context(), authz.Request{Scope: asked})
			if !reflect.DeepEqual(d.Actions, test.want) || d.NoMatch {
				t.Errorf("decision is %+v, want %v", d, test.want)
			}
			if test.err == "" && err != nil || !strings.Contains(fmt.Sprint(err), test.err) {
				t.Errorf("error is %v, want one with %q", err, test.err)
			}
		})
	}
}

// TestBatch: as many questions at once as may run, and each answer to its question.
func TestBatch(t *testing.T) {
	asked := scope.Scope{Type: "repository", Actions: []string{"pull"}}
	requests := make([]authz.Request, 6)
	for i := range requests {
		requests[i].Scope = asked
		requests[i].Scope.Name = strconv.Itoa(i)
	}
	// The first and the second wait for each other. One after the other, they would wait for ever.
	folder := t.TempDir()
	for _, pipe := range []string{"/here", "/there"} {
		if err := syscall.Mkfifo(folder+pipe, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := `case "$(cat)" in
*'"Name":"0"'*) echo > ` + folder + `/here; cat ` + folder + `/there;;
*'"Name":"1"'*) cat ` + folder + `/here; echo > ` + folder + `/there; exit 1;;
*'"Name":"5"'*) exit 1;;
esac`
	p := newProgram(t, script, func(c *program.Config) { c.MaxRunning = 2 })
	decisions, err := p.Authorizer().AuthorizeBatch(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range decisions {
		if want := i != 1 && i != 5; len(d.Actions) == 1 != want || d.NoMatch {
			t.Errorf("decision %d is %+v", i, d)
		}
	}
}

// TestBatchFails as soon as one question has no answer: programs that run are killed, and no more
// are started.
func TestBatchFails(t *testing.T) {
	asked := filepath.Join(t.TempDir(), "asked")
	script := `echo >> ` + asked + `; case "$(cat)" in *'"Name":"0"'*) exit 9;; esac; sleep 600`
	p := newProgram(t, script, func(c *program.Config) { c.MaxRunning = 2 })
	requests := make([]authz.Request, 20)
	for i := range requests {
		requests[i].Scope.Name = strconv.Itoa(i)
	}
	decisions, err := p.Authorizer().AuthorizeBatch(t.Context(), requests)
	if err == nil || !strings.Contains(err.Error(), "exit status 9") || decisions != nil {
		t.Errorf("%v, %v", decisions, err)
	}
	if lines, err := os.ReadFile(asked); err != nil || len(lines) > 2 {
		t.Errorf("asked %d times, %v", len(lines), err)
	}
}

// TestBatchOfOnePlace: the timeout of a question does not begin while another one of the same
// request has the place.
func TestBatchOfOnePlace(t *testing.T) {
	p := newProgram(t, `sleep 0.4`,
		func(c *program.Config) { c.MaxRunning, c.Timeout = 1, time.Second })
	if _, err := p.Authorizer().AuthorizeBatch(t.Context(), make([]authz.Request, 4)); err != nil {
		t.Error(err)
	}
}

// TestQuestion checks what the program reads.
func TestQuestion(t *testing.T) {
	file := filepath.Join(t.TempDir(), "question")
	_, err := newProgram(t, "cat > "+file).Authorizer().Authorize(t.Context(), authz.Request{
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
		"Account": "alice", "Type": "repository", "Name": "team/app", "Service": "registry.test",
		"IP": "192.0.2.1", "Actions": []any{"pull"},
		"Labels": map[string]any{"group": []any{"devs"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the program read %s", text)
	}
}
