package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestExitCodes(t *testing.T) {
	lying := httptest.NewServer(http.NotFoundHandler())
	defer lying.Close()
	for args, test := range map[string]struct {
		code           int
		stdout, stderr string
	}{
		"":                        {exitFailed, "", "Usage: lab COMMAND"},
		"-h":                      {exitOK, "Usage: lab COMMAND", ""},
		"unload":                  {exitFailed, "", "Usage: lab COMMAND"},
		"load -h":                 {exitOK, "-scenario", ""},
		"soak --help":             {exitOK, "-clients", ""},
		"goals -h":                {exitOK, "-slack", ""},
		"load -scenario x":        {exitFailed, "", `there is no scenario "x"`},
		"soak -for 0s":            {exitFailed, "", "-for is between"},
		"goals -only R99":         {exitFailed, "", "-only names"},
		"goals extra":             {exitFailed, "", "unexpected argument"},
		"load -url x -service s":  {exitFailed, "", "-url is http://"},
		"load -nodes 2 -for 50ms": {exitMissed, "404", ""},
	} {
		if test.code == exitMissed {
			args += " -service s -url " + lying.URL
		}
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(args), &stdout, &stderr)
		if code != test.code || !strings.Contains(stdout.String(), test.stdout) ||
			!strings.Contains(stderr.String(), test.stderr) {
			t.Errorf("%s: exit code %d\n%s%s", args, code, &stdout, &stderr)
		}
		if test.code == exitOK && stderr.Len() > 0 || test.code == exitFailed && stdout.Len() > 0 {
			t.Errorf("%s: on the wrong output:\n%s%s", args, &stdout, &stderr)
		}
	}
}
