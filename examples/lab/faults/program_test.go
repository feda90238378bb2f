package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
	"github.com/berthpass/registry-auth/token"
)

// TestProgram is about examples/server as people run it.
func TestProgram(t *testing.T) {
	t.Parallel()
	binary := testkit.Build(t, "server")
	for name, test := range map[string]struct {
		settings string // of the server
		run      func(*testing.T, *process)
	}{
		"slow and half-open connections":      {"", testSlowConnections},
		"ten thousand idle connections":       {"max_connections: 20000", testIdleConnections},
		"SIGTERM during load":                 {"", testSIGTERM},
		"SIGTERM during load, and a balancer": {"shutdown_delay: 5s", testDrain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.run(t, start(t, binary, test.settings))
		})
	}
}

// A process is the program, serving.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	folder string
	url    string
	lines  chan map[string]any // what it logs, but for requests
	seen   atomic.Int64        // requests in its audit log
	ended  chan struct{}       // all of its log was read
}

// What no rule decides, a program does: it says that it is asked, and waits until it may go on.
const configuration = `server: {addr: "127.0.0.1:0", SETTINGS}
token: {issuer: "auth.test", expiration: 900, certificate: "my.crt", key: "my.key", services: ["registry.test"]}
users:
  "alice": {password: "HASH"}
  "": {}
acl:
  - {match: {name: "public/*"}, actions: [pull]}
ext_authz: {command: "sh", args: ["-c", "echo asked > asked; read line < go"], timeout: 9s, max_running: 16}
`

func start(t *testing.T, binary, settings string) *process {
	t.Helper()
	p := &process{t: t, folder: t.TempDir(), lines: make(chan map[string]any, 100), ended: make(chan struct{})}
	key := testkit.Must(token.GenerateKey(token.ES256))(t)
	hash := testkit.Must(bcrypt.GenerateFromPassword([]byte("wonderland"), 5))(t)
	for name, content := range map[string][]byte{
		"my.key":     testkit.Must(key.PrivateKeyPEM())(t),
		"my.crt":     key.CertificatePEM(),
		"config.yml": []byte(strings.NewReplacer("HASH", string(hash), "SETTINGS", settings).Replace(configuration)),
	} {
		testkit.Check(t, os.WriteFile(filepath.Join(p.folder, name), content, 0o600))
	}
	p.cmd = exec.CommandContext(t.Context(), binary, "config.yml", "--log-format", "json")
	p.cmd.Dir = p.folder
	stderr := testkit.Must(p.cmd.StderrPipe())(t)
	testkit.Check(t, p.cmd.Start())
	go p.follow(stderr)
	p.url = "http://" + p.wait("listening")["addr"].(string) + "/auth"
	return p
}

// follow reads the log.
func (p *process) follow(log io.Reader) {
	defer close(p.ended)
	defer close(p.lines)
	for scanner := bufio.NewScanner(log); scanner.Scan(); {
		var line map[string]any
		switch err := json.Unmarshal(scanner.Bytes(), &line); {
		case err == nil && line["msg"] == "token request":
			p.seen.Add(1)
		case err == nil:
			p.lines <- line
		}
	}
}

// wait returns the next line of the log with that message.
func (p *process) wait(message string) map[string]any {
	p.t.Helper()
	deadline := time.After(testkit.Patience)
	for {
		select {
		case line, open := <-p.lines:
			if !open {
				p.t.Fatalf("the program ended without logging %q", message)
			}
			if line["msg"] == message {
				return line
			}
		case <-deadline:
			p.t.Fatalf("the program has not logged %q after %v", message, testkit.Patience)
		}
	}
}

// files is the number of open files.
func (p *process) files() int {
	p.t.Helper()
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/fd")
	if err != nil {
		testkit.Missing(p.t, err.Error())
	}
	return len(entries)
}

// resident is the memory of the process, in bytes.
func (p *process) resident() int {
	p.t.Helper()
	status := string(testkit.Must(os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status"))(p.t))
	_, after, _ := strings.Cut(status, "VmRSS:")
	kilobytes, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	return testkit.Must(strconv.Atoi(kilobytes))(p.t) << 10
}

// newClient makes a connection of its own for each request: the server may close an idle one at any
// time.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: testkit.Patience}
}

// public asks for what everybody may pull, and returns the status, or an error when the connection
// broke.
func (p *process) public(client *http.Client) (int, error) {
	response, err := client.Do(newGet(p.t.Context(), p.t, p.url, "", "scope=repository:public/app:pull"))
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// wantServes checks that the program answers.
func (p *process) wantServes(client *http.Client) {
	p.t.Helper()
	if status, err := p.public(client); status != http.StatusOK {
		p.t.Errorf("status %d, %v", status, err)
	}
}

const halfAGet = "GET /auth?service=registry.test HTTP/1.1\r\nHost: registry\r\n"

// testSlowConnections: a client that does not finish its request is got rid of, and nobody else
// notices it.
func testSlowConnections(t *testing.T, p *process) {
	p.wantServes(newClient())
	before := p.files()
	var group sync.WaitGroup
	finish := make(chan struct{})
	open := func(count int, text, wanted string, earliest, latest time.Duration) {
		for range count {
			connection := dial(t, p.url)
			send(t, connection, text)
			group.Go(func() {
				said, after := closedAfter(t, connection)
				if !strings.HasPrefix(said, wanted) || wanted == "" && said != "" || after < earliest || after > latest {
					t.Errorf("%.20q: closed after %v, saying %.40q", text, after, said)
				}
			})
		}
	}
	const slack = time.Second
	open(100, "", "", 5*time.Second-slack, 15*time.Second)
	open(300, halfAGet, "", 5*time.Second-slack, 15*time.Second)
	post := "POST /auth HTTP/1.1\r\nHost: registry\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_type="
	open(100, post, "HTTP/1.1 400 ", 10*time.Second-slack, 15*time.Second)

	go func() { group.Wait(); close(finish) }()
	client, tick := newClient(), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for done := false; !done; {
		p.wantServes(client)
		select {
		case <-finish:
			done = true
		case <-tick.C:
		}
	}
	testkit.Eventually(t, "the program's files are closed", func() bool { return p.files() <= before })
	p.wantServes(client)
}

// testIdleConnections: ten thousand clients that keep their connections cost memory in proportion,
// and can go on.
func testIdleConnections(t *testing.T, p *process) {
	var limit syscall.Rlimit
	testkit.Check(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	const spare = 3000 // for other tests
	count := min(10_000, int(limit.Cur)-spare)
	if count < 1000 {
		testkit.Missing(t, fmt.Sprintf("only %d open files are allowed", limit.Cur))
	}
	before := p.files()
	p.wantServes(newClient())
	testkit.Eventually(t, "its connection is closed", func() bool { return p.files() <= before }) // or it would count as one of those below
	memory := p.resident()
	connections := make([]net.Conn, count)
	request := halfAGet + "\r\n"
	answer := func(connection net.Conn) {
		send(t, connection, request)
		testkit.Check(t, connection.SetReadDeadline(time.Now().Add(testkit.Patience)))
		response, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("status %d", response.StatusCode)
		}
	}
	for i := range connections {
		connections[i] = dial(t, p.url)
		answer(connections[i])
	}
	if got := p.files() - before; got < count {
		t.Errorf("%d of %d connections are open", got, count)
	}
	each := (p.resident() - memory) / count
	t.Logf("%d idle connections, %d bytes each", count, each)
	if each > 64<<10 {
		t.Errorf("an idle connection takes %d bytes", each)
	}
	p.wantServes(newClient())
	for i := 0; i < count; i += count / 100 {
		answer(connections[i])
	}
	for _, connection := range connections {
		_ = connection.Close()
	}
	testkit.Eventually(t, "the program's files are closed", func() bool { return p.files() <= before })
	p.wantServes(newClient())
}

// testSIGTERM: every request that was read is answered, the program is not ready for others any
// more, and ends with 0.
func testSIGTERM(t *testing.T, p *process) {
	asked, goOn := fifo(t, p.folder, "asked"), fifo(t, p.folder, "go")
	const held, clients, answeredBefore = 6, 4, 200
	var group sync.WaitGroup
	for range held { // these wait in the policy
		group.Go(func() {
			response, err := newClient().Do(newGet(t.Context(), t, p.url, alice, "scope=repository:held/app:pull"))
			if err != nil {
				t.Errorf("a request that was under way: %v", err)
				return
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("a request that was under way: status %d", response.StatusCode)
			}
		})
	}
	testkit.Check(t, asked.SetReadDeadline(time.Now().Add(testkit.Patience)))
	for lines, n := bufio.NewReader(asked), 0; n < held; n++ {
		testkit.Must(lines.ReadString('\n'))(t)
	}
	var answered atomic.Int64
	enough := make(chan struct{})
	for range clients { // and these go on until nobody listens any more
		group.Go(func() {
			for client := newClient(); ; {
				status, err := p.public(client)
				if err != nil {
					return // what was not accepted; that nothing else was lost is seen in the number below
				}
				if status != http.StatusOK {
					t.Errorf("status %d", status)
				}
				if answered.Add(1) == answeredBefore {
					close(enough)
				}
			}
		})
	}
	<-enough
	half := dial(t, p.url)
	send(t, half, halfAGet)
	p.wantServes(newClient()) // connections are accepted in order, so that one was

	testkit.Check(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.wait("stopping")
	if response, err := newClient().Get(strings.TrimSuffix(p.url, "/auth") + "/readyz"); err == nil {
		_ = response.Body.Close()
		if response.StatusCode != http.StatusServiceUnavailable { // and after a moment nobody listens any more
			t.Errorf("readyz has status %d", response.StatusCode)
		}
	}
	// Of what comes in only now nothing is done, which the number below tells as well. The client
	// tries it elsewhere.
	testkit.Eventually(t, "nobody listens", func() bool {
		connection, err := net.Dial("tcp", half.RemoteAddr().String())
		if err == nil {
			_ = connection.Close()
		}
		return err != nil
	})
	send(t, half, "\r\n")
	if said, _ := closedAfter(t, half); said != "" {
		t.Errorf("a request that was finished too late is answered with %q", said)
	}
	testkit.Must(goOn.WriteString(strings.Repeat("\n", held)))(t)
	group.Wait()
	<-p.ended
	if got, want := answered.Load()+held+1, p.seen.Load(); got != want {
		t.Errorf("%d requests were answered of %d that the server has seen", got, want)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	start(t, p.cmd.Path, "").wantServes(newClient())
}

// testDrain: clients that keep their connections, and are sent here for as long as the program says
// that it is ready, notice nothing of its end.
func testDrain(t *testing.T, p *process) {
	const clients, answeredBefore = 8, 400
	ready, balancer := strings.TrimSuffix(p.url, "/auth")+"/readyz", newClient()
	isReady := func() bool {
		response, err := balancer.Get(ready)
		if err != nil {
			t.Fatal(err) // it is answered until the end of the delay
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	}
	if !isReady() {
		t.Fatal("it is not ready")
	}
	var group sync.WaitGroup
	var answered atomic.Int64
	enough, away := make(chan struct{}), make(chan struct{})
	for i := range clients {
		group.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: testkit.Patience}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-away:
					return
				default:
				}
				ask := p.public
				if i%2 == 0 {
					ask = p.login // a POST is not tried again when its connection is found to be closed
				}
				status, err := ask(client)
				if status != http.StatusOK {
					t.Errorf("status %d, %v", status, err)
				}
				if answered.Add(1) == answeredBefore {
					close(enough)
				}
			}
		})
	}
	<-enough
	testkit.Check(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.wait("stopping")
	if isReady() {
		t.Error("it is ready")
	}
	before := answered.Load() // which go on until the balancer looks the next time
	testkit.Eventually(t, "others are answered", func() bool { return answered.Load() > before+clients })
	close(away)
	group.Wait()
	p.wantServes(newClient())
	<-p.ended
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// login asks for a token as alice, and returns the status.
func (p *process) login(client *http.Client) (int, error) {
	form := url.Values{"grant_type": {"password"}, "service": {serviceName}, "username": {"alice"}, "password": {"wonderland"}}
	response, err := client.PostForm(p.url, form)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

// fifo makes a named pipe and opens both of its ends, so that neither a reader nor a writer has to
// wait for the other.
func fifo(t *testing.T, folder, name string) *os.File {
	t.Helper()
	path := filepath.Join(folder, name)
	testkit.Check(t, syscall.Mkfifo(path, 0o600))
	file := testkit.Must(os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0))(t) // so that a deadline can be set
	t.Cleanup(func() { _ = file.Close() })
	return file
}
