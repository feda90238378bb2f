package serve

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// moreRules is another rule at the end of base.
const moreRules = "  - {match: {name: more}, actions: [pull]}\n"

func (f *fixture) mustReload(text string) {
	f.t.Helper()
	f.write(text)
	if _, err := f.reload(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// TestRightPasswordsOutliveReloads: a change of something else costs no check of a password. A
// change of the users forgets all that were right.
func TestRightPasswordsOutliveReloads(t *testing.T) {
	f := newFixture(t, base)
	for _, step := range []struct{ name, text, checks string }{
		{"the first login", base, "1"},
		{"after a change of the rules", base + moreRules, "1"},
		{"after a change of the users", strings.Replace(base, "[devs]", "[devs, ops]", 1), "2"},
	} {
		f.mustReload(step.text)
		if w := f.get(devs, asAlice); w.Code != http.StatusOK {
			t.Fatalf("%s: status %d", step.name, w.Code)
		}
		want := "\nregistry_auth_password_checks_total " + step.checks + "\n"
		if !strings.Contains(f.metricsText(), want) {
			t.Errorf("%s: want %s checks in all", step.name, step.checks)
		}
	}
}

// TestMaxRunningOutlivesReloads: a reload does not let another program run beside those of before.
func TestMaxRunningOutlivesReloads(t *testing.T) {
	text := base + "ext_authz: {command: sh, timeout: 1m, max_running: 1, " +
		"args: [-c, \"echo x >> @DIR@/runs; @DIR@/slow.sh\"]}\n"
	f := newFixture(t, text, withSlowProgram)
	const slow = "/auth/auth?service=registry.test&scope=repository:slow:pull"
	answered := make(chan int)
	go func() { answered <- f.get(slow).Code }()
	if _, err := os.ReadFile(f.folder + "/asked"); err != nil { // until the program runs
		t.Fatal(err)
	}
	f.mustReload(text + "throttle: {enabled: false}\n")
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	f.get(slow, func(r *http.Request) { *r = *r.WithContext(ctx) })
	if runs, err := os.ReadFile(f.folder + "/runs"); string(runs) != "x\n" {
		t.Errorf("another program runs: %q, %v", runs, err)
	}
	f.file("answer", "")
	if code := <-answered; code != http.StatusOK {
		t.Errorf("the first request: status %d", code)
	}
}

// TestBreakerOutlivesReloads, which happen while a program hangs more often than at other times.
func TestBreakerOutlivesReloads(t *testing.T) {
	text := base + "ext_authz: {command: sh, args: [-c, \"echo x >> @DIR@/runs; sleep 9\"], " +
		"timeout: 10ms}\n"
	f := newFixture(t, text)
	for i := range 12 {
		f.get("/auth/auth?service=registry.test&scope=repository:slow:pull")
		f.mustReload(text + strings.Repeat("# changed\n", i))
	}
	runs, err := os.ReadFile(filepath.Join(f.folder, "runs"))
	if err != nil || len(runs) > len("x\n")*8 {
		t.Errorf("the program ran %d times, %v", len(runs)/len("x\n"), err)
	}
}

// TestProgramChangesWithItsSection: what is held is what the configuration says.
func TestProgramChangesWithItsSection(t *testing.T) {
	f := newFixture(t, base+"ext_authz: {command: sh, args: [-c, exit 1]}\n")
	const other = "/auth/auth?service=registry.test&scope=repository:other:pull"
	if got := f.granted(f.get(other)); got != "" {
		t.Errorf("granted %q by a program that refuses", got)
	}
	f.mustReload(base + "ext_authz: {command: sh, args: [-c, exit 0]}\n")
	if got := f.granted(f.get(other)); got != "repository:other:pull" {
		t.Errorf("granted %q by a program that grants", got)
	}
}

// TestReloadIsTriedAgain when a program had no answer to a test: after 1, 2, 4 seconds and so on,
// up to a minute. A mistake is not: only a change of a file corrects it.
func TestReloadIsTriedAgain(t *testing.T) {
	const tests = "tests: [{scope: \"repository:other:pull\", granted: pull}]\n"
	program := func(script string) string {
		return base + tests + "ext_authz: {command: sh, args: [-c, \"" + script + "\"]}\n"
	}
	const seen = 2 * watchInterval // until a change is taken for complete
	for name, test := range map[string]struct {
		text     string
		watched  time.Duration
		failures int
		reloaded bool
	}{
		"a program that is back": {
			program("mkdir @DIR@/first && exit 9; exit 0"),
			seen + 2*time.Second,
			1,
			true,
		},
		"a program that stays away": {program("exit 9"), seen + 200*time.Second, 9, false},
		"a mistake":                 {base + "more: 1\n", seen + 200*time.Second, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, base)
			f.write(test.text)
			f.watchFor(test.watched)
			failures := strings.Count(f.log.String(), "configuration not reloaded")
			reloaded := strings.Contains(f.log.String(), "configuration reloaded")
			if failures != test.failures || reloaded != test.reloaded {
				t.Errorf("%d failures, reloaded: %t, want %d, %t",
					failures, reloaded, test.failures, test.reloaded)
			}
		})
	}
}

// TestMissingProgramIsWatched: the reload that finds it comes without a change of the file.
func TestMissingProgramIsWatched(t *testing.T) {
	f := newFixture(t, base)
	f.write(base + "ext_authz: {command: \"@DIR@/program\"}\n")
	read, err := f.reload(t.Context())
	if err == nil {
		t.Fatal("it is taken over")
	}
	if _, watched := read[filepath.Join(f.folder, "program")]; !watched {
		t.Error("the program is not watched")
	}
}
