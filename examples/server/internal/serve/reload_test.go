package serve

import (
	"context"
	"crypto/tls"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// watchFor looks at the files for as long, which takes no time.
func (f *fixture) watchFor(duration time.Duration) {
	f.t.Helper()
	now := time.Now()
	synctest.Test(f.t, func(t *testing.T) {
		time.Sleep(time.Until(now)) // from where the clock starts, at which no certificate is valid
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f.watch(ctx, nil)
		}()
		time.Sleep(duration)
		stop()
		<-ended
	})
}

// TestChangeDuringStart: a file that changes while the tests of a slow program run is read once the
// server watches.
func TestChangeDuringStart(t *testing.T) {
	slow := base + "ext_authz: {command: \"@DIR@/slow.sh\"}\ntests: [{scope: " +
		"\"repository:slow:pull\", granted: pull}]\n"
	f := newFixture(t, slow, withSlowProgram, func(f *fixture) {
		go func() {
			if _, err := os.ReadFile(f.folder + "/asked"); err != nil { // until the program runs
				t.Error(err)
			}
			f.write(strings.Replace(base, "[pull, push]", "[pull]", 1))
			f.file("answer", "")
		}()
	})
	if got := f.granted(f.get(devs, asAlice)); got != "repository:devs/app:pull,push" {
		t.Fatalf("at start: granted %q", got)
	}
	f.watchFor(3 * watchInterval)
	if got := f.granted(f.get(devs, asAlice)); got != "repository:devs/app:pull" {
		t.Errorf("later: granted %q", got)
	}
	if n := strings.Count(f.log.String(), "configuration reloaded"); n != 1 {
		t.Errorf("reloaded %d times", n)
	}
}

// TestBrokenFileIsReadOnce, and not each second until it is mended.
func TestBrokenFileIsReadOnce(t *testing.T) {
	f := newFixture(t, base)
	f.write("{")
	f.newKey()
	f.watchFor(10 * watchInterval)
	if n := strings.Count(f.log.String(), "configuration not reloaded"); n != 1 {
		t.Errorf("read %d times", n)
	}
}

// TestCertificateStays when a reload finds none: the connections are encrypted until a restart.
func TestCertificateStays(t *testing.T) {
	encrypted := strings.Replace(
		base,
		"server:\n",
		"server:\n  certificate: \"@DIR@/tls.crt\"\n  key: \"@DIR@/tls.key\"\n",
		1,
	)
	f := newFixture(t, encrypted, withTLS)
	shown := func() *tls.Certificate {
		certificate, err := f.tlsConfig().GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return certificate
	}
	before := shown()
	f.write(base)
	if _, err := f.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := shown(); before == nil || after != before {
		t.Errorf("the certificate was %p and is %p", before, after)
	}
	if !strings.Contains(f.log.String(), "a changed setting needs a restart") {
		t.Error("the log does not tell that a restart is needed")
	}
	withTLS(f)
	f.write(encrypted)
	if _, err := f.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := shown(); after == before {
		t.Error("a new certificate is not shown")
	}
}

// TestNeedRestart: what is only written out, as it was before, changes nothing.
func TestNeedRestart(t *testing.T) {
	for text, needs := range map[string]bool{
		"refresh_tokens: {enabled: true}\n":                                 false,
		"refresh_tokens: {enabled: false}\n":                                false,
		"refresh_tokens: {idle_lifetime: 720h, lifetime: 4320h}\n":          false,
		"refresh_tokens: {idle_lifetime: 1h}\n":                             true,
		"refresh_tokens: {enabled: true, lifetime: 4000h}\n":                true,
		"refresh_tokens: {enabled: false, idle_lifetime: 720h0m0s}\n":       false,
		"refresh_tokens: {max_per_user: 100}\n":                             false,
		"refresh_tokens: {max_per_user: 99}\n":                              true,
		"refresh_tokens: {lifetime: 4320h}\nmetrics: {addr: \"[::1]:0\"}\n": true,
	} {
		f := newFixture(t, base)
		f.write(base + text)
		if _, err := f.reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(f.log.String(), "needs a restart"); told != needs {
			t.Errorf("%q: a restart is needed: %t, want %t", text, told, needs)
		}
	}
}
