//go:build unix

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// These are about memory and not about time, and about a program of its own: neither a slow machine
// nor the race detector changes what they measure.

const (
	maxResident   = 128 << 20 // of a server with 100 000 rules and 10 000 users
	maxForRequest = 16 << 10  // of a request that waits, besides its connection: a stack and its data
)

func TestMemoryOfALargeConfiguration(t *testing.T) {
	p := startForMemory(t, func(text string) string {
		users, rules, _ := strings.Cut(text[strings.Index(text, "users:"):], "acl:\n")
		hash := regexp.MustCompile(`"\$2.*"`).FindString(users)
		var b strings.Builder
		b.WriteString(text[:strings.Index(text, "users:")] + users)
		for i := range 10_000 {
			fmt.Fprintf(&b, "  \"user%d\": {password: %s}\n", i, hash)
		}
		b.WriteString("acl:\n")
		for i := range 100_000 {
			fmt.Fprintf(
				&b,
				"  - match: {account: \"user%d\", name: \"team%d/app%d/*\"}\n    actions: [pull, push]\n",
				i%10_000,
				i%345,
				i,
			)
		}
		return b.String() + rules
	})
	check := func(when string) {
		if got := p.resident(t); got > maxResident {
			t.Errorf("%s: %d KiB are resident, want at most %d", when, got>>10, maxResident>>10)
		} else {
			t.Logf("%s: %d KiB are resident", when, got>>10)
		}
	}
	check("after the start")
	const clients, each = 16, 1250
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for range each {
				p.get(t, p.url+"/auth?service=registry.test&scope=repository:public/a:pull")
			}
		})
	}
	group.Wait()
	check("after requests")
	p.signal(syscall.SIGHUP)
	<-p.reloaded
	check("after a change of the configuration")
}

// TestMemoryOfRequests holds requests in a program, and then has as many connections that wait for
// another request. What is between is that of the requests; a connection itself has buffers of 8
// KiB and a stack.
func TestMemoryOfRequests(t *testing.T) {
	p := startForMemory(t, func(text string) string {
		// A program waits until somebody writes to the gate, and other requests wait for their turn.
		return text + "ext_authz: {command: sh, args: [-c, \"cat gate; exit 1\"], timeout: 1m, " +
			"max_running: 8}\n"
	})
	gate := filepath.Join(p.cmd.Dir, "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	const requests, goroutines = 1000, 2 // net/http waits in another for the client to go away
	measure := func() int {
		p.signal(syscall.SIGHUP) // collects what is garbage
		<-p.reloaded
		return p.resident(t)
	}
	alone, running := measure(), p.metric(t, "go_goroutines")
	p.client.Transport = &http.Transport{MaxIdleConnsPerHost: requests}
	var group sync.WaitGroup
	for range requests {
		group.Go(func() { p.get(t, p.url+"/auth?service=registry.test&scope=repository:other/a:pull") })
	}
	for p.metric(t, "go_goroutines") < running+requests*goroutines {
		runtime.Gosched()
	}
	busy := measure()
	open(t, gate)
	group.Wait()
	idle := measure()
	t.Logf(
		"%d bytes for a request that waits, and %d for its connection",
		(busy-idle)/requests,
		(idle-alone)/requests,
	)
	if got := (busy - idle) / requests; got > maxForRequest {
		t.Errorf("%d bytes for a request that waits, want at most %d", got, maxForRequest)
	}
}

// open lets those pass who wait at the gate, and whoever comes later.
func open(t *testing.T, gate string) {
	t.Helper()
	writer, err := os.OpenFile(gate, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(gate); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
}

// measured is a process whose memory is measured.
type measured struct {
	*process

	client    *http.Client
	operators string // the address of metrics
	reloaded  chan struct{}
}

// startForMemory starts the program with the configuration that change makes of the example.
func startForMemory(t *testing.T, change func(string) string) *measured {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	if testing.Short() {
		t.Skip("loads 100 000 rules")
	}
	t.Setenv("GOMAXPROCS", "2") // each more has stacks and free lists of its own
	binary := build(t)
	dir := folder(t, binary, "127.0.0.1:0")
	text, err := os.ReadFile(filepath.Join(dir, "config.yml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "config.yml", change("metrics: {addr: \"127.0.0.1:0\"}\n"+string(text)))
	p := &measured{
		process:  start(t, binary, dir),
		client:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
		reloaded: make(chan struct{}, 1),
	}
	p.operators = "http://" + p.wait("listening for operators")["addr"].(string)
	go func() { // so that the program never waits for somebody to read its log
		for line := range p.lines {
			if line["msg"] == "configuration reloaded" {
				p.reloaded <- struct{}{}
			}
		}
	}()
	return p
}

func (p *measured) get(t *testing.T, url string) string {
	t.Helper()
	w, err := p.client.Get(url)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode != http.StatusOK {
		t.Errorf("status %d, %v: %s", w.StatusCode, err, body)
	}
	return string(body)
}

// metric returns a metric of the process.
func (p *measured) metric(t *testing.T, name string) int {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + ` (.*)$`).
		FindStringSubmatch(p.get(t, p.operators+"/metrics"))
	if found == nil {
		t.Fatalf("there is no metric %s", name)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(value)
}

// resident returns how many bytes of memory the process has.
func (p *measured) resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`VmRSS:\s*(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatalf("no VmRSS in:\n%s", status)
	}
	kibibytes, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kibibytes << 10
}
