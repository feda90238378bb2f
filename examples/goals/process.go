package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/registry"
	"github.com/berthpass/registry-auth/scope"
)

// A process is a server that runs.
type process struct {
	cmd      *exec.Cmd
	folder   string
	host     string
	url      string
	registry *registry.Registry
	ended    chan error // gets the exit code's error, once
}

// startWithin is how long a server may take to start. With thousands of users it reads a large file.
const startWithin = 30 * time.Second

// start runs the server. Its log, which has a line for each request, goes to a file, as that of a real one does.
func (b *bench) start(ctx context.Context, c *configuration) (p *process, err error) {
	p = &process{}
	if p.folder, err = os.MkdirTemp(b.folder, "server-"); err != nil {
		return nil, err
	}
	if p.host, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	p.url = "http://" + p.host + "/auth"
	if err := c.write(p.folder, p.host); err != nil {
		return nil, err
	}
	p.registry, err = registry.New(serviceName, issuerName, filepath.Join(p.folder, "token.crt"))
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(p.folder, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(b.binary, append(c.flags, "config.yml")...) //nolint:gosec,noctx // our own; it is stopped in order
	p.cmd.Dir, p.cmd.Stderr = p.folder, log
	if err := p.run(); err != nil {
		return nil, err
	}
	if err := p.ready(ctx, cmp.Or(c.operators, p.host)); err != nil {
		said, _ := os.ReadFile(log.Name())
		return nil, errors.Join(fmt.Errorf("start the server: %w; its log: %s", err, said), p.stop())
	}
	return p, nil
}

func (p *process) run() error {
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.ended = make(chan error, 1)
	go func() { p.ended <- p.cmd.Wait() }()
	return nil
}

// freeAddress is one at which nobody listens.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func (p *process) ready(ctx context.Context, host string) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		status, err := get(ctx, "http://"+host+"/readyz")
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case code := <-p.ended:
			p.ended <- code
			return fmt.Errorf("it has ended: %w", code)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// get returns the status of an answer.
func get(ctx context.Context, url string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	return do(r)
}

func do(r *http.Request) (int, error) {
	r.Close = true
	response, err := http.DefaultClient.Do(r) //nolint:gosec // to our own server
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// stop ends the server in order. The error is that of its exit code.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // or it has ended
	kill := time.AfterFunc(startWithin, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	err := <-p.ended
	return errors.Join(err, os.RemoveAll(p.folder))
}

// verify lets distribution verify a token of one that asked for one scope.
func (p *process) verify(text string) error {
	var claims struct {
		Subject string        `json:"sub"`
		Access  []scope.Scope `json:"access"`
	}
	_, rest, _ := strings.Cut(text, ".")
	payload, _, _ := strings.Cut(rest, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(payload)
	if err == nil {
		err = json.Unmarshal(decoded, &claims)
	}
	if err != nil {
		return err
	}
	if len(claims.Access) != 1 {
		return fmt.Errorf("the token of %q grants %d scopes, and one was asked for", claims.Subject, len(claims.Access))
	}
	return p.registry.Verify(text, claims.Subject, claims.Access)
}

// proc reads a file of Linux about the process.
func (p *process) proc(name string) (string, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/" + name) //nolint:gosec // of /proc
	return string(text), err
}

// residentMost is the most memory that the process has had, in bytes.
func (p *process) residentMost() (int, error) {
	status, err := p.proc("status")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(status, "VmHWM:")
	kilobytes, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	n, err := strconv.Atoi(kilobytes)
	return n << 10, err
}

// files is the number of open files.
func (p *process) files() (int, error) {
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/fd")
	return len(entries), err
}

// tick is the unit in which Linux tells the time of processors.
const tick = time.Second / 100

// cpu is the processor time that the process has used.
func (p *process) cpu() (time.Duration, error) {
	stat, err := p.proc("stat")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(stat, ") ") // of the name
	fields := strings.Fields(after)
	const user, system = 11, 12
	if len(fields) <= system {
		return 0, errors.New("/proc/PID/stat has another form")
	}
	u, err := strconv.Atoi(fields[user])
	s, other := strconv.Atoi(fields[system])
	return time.Duration(u+s) * tick, errors.Join(err, other)
}

// children is how many processes it has started that run. A thread may end while it looks.
func (p *process) children() map[string]bool {
	found := make(map[string]bool)
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/task/*/children") // the pattern is in order
	for _, list := range lists {
		if text, err := os.ReadFile(list); err == nil { //nolint:gosec // of /proc
			for child := range strings.FieldsSeq(string(text)) {
				found[child] = true
			}
		}
	}
	return found
}
