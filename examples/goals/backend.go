package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

// backendScript is a program of ext_auth that does what a file says.
const backendScript = `echo >> asked
read -r mode < mode
case $mode in
refuses) echo "dial tcp 192.0.2.1:389: connection refused" >&2; exit 3;;
"is reset") kill -9 $$;;
hangs) exec sleep 600;;
"answers garbage") head -c 2000 /dev/urandom;;
"answers with a gigabyte") exec head -c 1000000000 /dev/zero;;
"is slow") exec sleep 10;;
esac
`

// A backend is a server with such a program.
type backend struct {
	*process

	bench *bench
	next  int // user that nobody has been yet
}

const (
	backendTimeout = 2 * time.Second // of a question, where the backend is down
	backendRunning = 16
	lateBy         = 50 * time.Millisecond
)

func (b *bench) startBackend(ctx context.Context, timeout time.Duration) (*backend, error) {
	p, err := b.start(ctx, &configuration{script: backendScript, more: fmt.Sprintf(
		"ext_auth: {command: ./program.sh, timeout: %v, max_running: %d}\n", timeout, backendRunning)})
	if err != nil {
		return nil, err
	}
	s := &backend{process: p, bench: b}
	if err := s.set("answers"); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return s, nil
}

// set changes what the program does.
func (s *backend) set(mode string) error {
	if err := errors.Join(s.write("asked", ""), s.write("new", mode+"\n")); err != nil {
		return err
	}
	return os.Rename(filepath.Join(s.folder, "new"), filepath.Join(s.folder, "mode")) //nolint:gosec // our own folder
}

func (s *backend) write(name, content string) error {
	return os.WriteFile(filepath.Join(s.folder, name), []byte(content), 0o600) //nolint:gosec // our own folder
}

// asked is how often the program has been asked since it was changed.
func (s *backend) asked() (int, error) {
	text, err := os.ReadFile(filepath.Join(s.folder, "asked")) //nolint:gosec // our own folder
	return strings.Count(string(text), "\n"), err
}

// people invents users whom the server does not know yet.
func (s *backend) people(count int) []load.User {
	list := make([]load.User, count)
	for i := range list {
		list[i] = load.User{Name: fmt.Sprintf("person%d", s.next), Password: "the password"}
		s.next++
	}
	return list
}

// measureDown is R5. The breaker of examples/server is about a program that hangs; one that fails at once is asked each time.
func measureDown(ctx context.Context, b *bench) (checks []check, err error) {
	s, err := b.startBackend(ctx, backendTimeout)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	var slowest, recovery time.Duration
	var rejected, others uint64
	var hangs *outage
	known := load.Group{Name: "logins", Kind: load.Login, Clients: 4, Users: s.people(4), Scopes: publicScopes()}
	for _, mode := range []string{"refuses", "is reset", "answers garbage", "answers with a gigabyte", "hangs"} {
		o, err := s.fail(ctx, mode, known)
		if err != nil {
			return nil, fmt.Errorf("the backend %s: %w", mode, err)
		}
		slowest, recovery = max(slowest, o.slowest), max(recovery, o.recovery)
		rejected, others = rejected+o.rejected, others+o.others
		hangs = o
	}
	most, err := s.residentMost()
	if err != nil {
		return nil, err
	}
	// Those that run when the first are given up go on; a few begin before the fifth is given up.
	const failures = 5
	mostAsked := backendRunning + failures + int(hangs.lasted/(2*time.Second))
	return []check{
		within("the slowest refusal, where the deadline is "+span(backendTimeout.Seconds()), slowest, backendTimeout+lateBy),
		none("answers to right passwords that are not 503", rejected),
		none("answers to others that are no token", others),
		within("p99 of others while it hangs", hangs.othersP99, 20*time.Millisecond),
		bounded("questions to a backend that hangs", hangs.asked, mostAsked).noted("%d at once, and one every 2s later", backendRunning),
		within("until the first login after it returned", recovery, 5*time.Second),
		memory("memory of the server", most, 150<<20),
	}, nil
}

// An outage is what was seen while the backend failed.
type outage struct {
	slowest, othersP99, recovery, lasted time.Duration
	rejected, others                     uint64
	asked                                int
}

// fail breaks the backend in a way while new users log in, known ones do, and others pull, and repairs it.
func (s *backend) fail(ctx context.Context, mode string, known load.Group) (*outage, error) {
	asking := load.Config{
		Duration: max(s.bench.duration/2, 2*time.Second),
		Groups: []load.Group{
			{Name: "new", Kind: load.Cold, Clients: 24, Users: s.people(1000), Scopes: publicScopes()},
			{Name: "pulls", Kind: load.Anonymous, Clients: 4, Scopes: publicScopes()},
			known,
		},
	}
	if err := s.logIn(ctx, known); err != nil { // which load.Run does as well, but with a backend that fails
		return nil, err
	}
	asking.Groups[2].Unprepared = true
	if err := s.set(mode); err != nil {
		return nil, err
	}
	begun := time.Now()
	report, err := s.bench.load(ctx, s.process, asking)
	if err != nil {
		return nil, err
	}
	o := &outage{lasted: time.Since(begun)}
	if o.asked, err = s.asked(); err != nil {
		return nil, err
	}
	people, pulls, logins := &report.Groups[0], &report.Groups[1], &report.Groups[2]
	o.slowest = people.Latency.Max
	o.rejected = people.Requests - people.Statuses[http.StatusServiceUnavailable]
	o.others = failures(pulls) + failures(logins)
	o.othersP99 = max(p99(pulls), p99(logins))
	o.recovery, err = s.recover(ctx)
	return o, err
}

// logIn lets the server remember the passwords.
func (s *backend) logIn(ctx context.Context, g load.Group) error {
	for _, u := range g.Users {
		status, err := s.login(ctx, u)
		if err != nil || status != http.StatusOK {
			return errors.Join(fmt.Errorf("%s logs in: status %d", u.Name, status), err)
		}
	}
	return nil
}

func (s *backend) login(ctx context.Context, u load.User) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"?service="+serviceName, http.NoBody) //nolint:gosec // our own server
	if err != nil {
		return 0, err
	}
	r.SetBasicAuth(u.Name, u.Password)
	return do(r)
}

// recover repairs the backend, and returns how long it took until somebody new could log in. There is a try every tenth of a second,
// since a refusal is held back for longer than that.
func (s *backend) recover(ctx context.Context) (time.Duration, error) {
	const mostly, every = 30 * time.Second, 100 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, mostly)
	defer cancel()
	if err := s.set("answers"); err != nil {
		return 0, err
	}
	begun, in := time.Now(), make(chan time.Duration, int(mostly/every)+1)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		u := s.people(1)[0]
		go func() {
			if status, err := s.login(ctx, u); err == nil && status == http.StatusOK {
				in <- time.Since(begun)
			}
		}()
		select {
		case took := <-in:
			return took, nil
		case <-tick.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("nobody can log in %v after the backend returned: %w", mostly, ctx.Err())
		}
	}
}

// measureSlow is R6: five hundred log in at once, and the backend takes ten seconds for each.
func measureSlow(ctx context.Context, b *bench) (checks []check, err error) {
	const many, lasting = 500, 10 * time.Second
	s, err := b.startBackend(ctx, lasting+time.Second)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	others := load.Group{Name: "pulls", Kind: load.Anonymous, Clients: 16, Scopes: publicScopes()}
	quiet, err := b.load(ctx, s.process, load.Config{WarmUp: warmUp, Groups: []load.Group{others}})
	if err != nil {
		return nil, err
	}
	if err := s.set("is slow"); err != nil {
		return nil, err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	running := s.watchChildren(watching)
	slow, err := b.load(ctx, s.process, load.Config{Duration: lasting, Timeout: 3 * lasting, Groups: []load.Group{
		others, {Name: "logins", Kind: load.Cold, Clients: many, Rounds: 1, Users: s.people(many), Scopes: publicScopes()},
	}})
	stop()
	mostRunning := <-running
	if err != nil {
		return nil, err
	}
	most, err := s.residentMost()
	if err != nil {
		return nil, err
	}
	pulls, logins := &slow.Groups[0], &slow.Groups[1]
	before := p99(&quiet.Groups[0])
	return []check{
		bounded(fmt.Sprintf("questions at once, of %d requests", many), mostRunning, backendRunning),
		none("logins that are neither a token nor 503", logins.Requests-logins.Tokens-logins.Statuses[http.StatusServiceUnavailable]).noted("answers are %v", logins.Statuses),
		ratio("p99 of others, as a multiple of that when it is quiet", p99(pulls).Seconds()/before.Seconds(), 2).noted("%v and %v", p99(pulls), before),
		none("of their requests without a token", failures(pulls)),
		memory("memory of the server", most, 150<<20),
	}, nil
}

// watchChildren counts the programs that run until ctx is done, and tells the most that there were. Those are counted that run at
// two looks in a row: the lists are of threads, and one program may end and another begin between two of them.
func (s *backend) watchChildren(ctx context.Context) <-chan int {
	result := make(chan int, 1)
	go func() {
		most, before := 0, s.children()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				now := s.children()
				maps.DeleteFunc(before, func(child string, _ bool) bool { return !now[child] })
				most, before = max(most, len(before)), now
			case <-ctx.Done():
				result <- most
				return
			}
		}
	}()
	return result
}
