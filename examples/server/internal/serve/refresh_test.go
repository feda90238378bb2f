package serve

import (
	"net/http"
	"strings"
	"testing"
)

// TestRefreshTokensOutliveAReload: they belong to the process, whatever a reload changes.
func TestRefreshTokensOutliveAReload(t *testing.T) {
	f := newFixture(t, base)
	refresh := f.login()
	for _, step := range []struct {
		settings string
		status   int
		restart  bool
	}{
		{"", http.StatusOK, false},
		{"{enabled: false}", http.StatusBadRequest, false},
		{"{max_per_user: 1}", http.StatusOK, true},
		{"{lifetime: 1000h}", http.StatusOK, true},
		{"", http.StatusOK, false},
	} {
		before := len(f.log.String())
		f.write(base + "refresh_tokens: " + step.settings + "\n")
		if _, err := f.reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		const warning = "a changed setting needs a restart\" setting=refresh_tokens"
		if told := strings.Contains(f.log.String()[before:], warning); told != step.restart {
			t.Errorf("%q: a restart is needed: %t", step.settings, told)
		}
		if w := f.ask(refresh); w.Code != step.status {
			t.Errorf("%q: status %d: %s", step.settings, w.Code, w.Body)
		}
	}
}
