package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestExitCodesOfStart: 2 if the configuration has to change, so that a supervisor does not try
// again and again; 1 if another try may succeed.
func TestExitCodesOfStart(t *testing.T) {
	binary := build(t)
	dir := folder(t, binary, "127.0.0.1:0")
	text, err := os.ReadFile(filepath.Join(dir, "config.yml"))
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	for name, test := range map[string]struct {
		config, output string
		code           int
	}{
		"tests that fail": {
			strings.Replace(good, "granted: pull", "granted: push", 1),
			`^config.yml: 1 of 1 tests fail\nconfig.yml:20: anonymous asks .*: ` +
				`granted "pull", expected "push" .*\n$`, exitUsage,
		},
		"a program without an answer": {
			good + "  - {scope: \"repository:other:pull\", granted: \"\"}\n" +
				"ext_authz: {command: sh, args: [-c, exit 9]}\n",
			`^server: run the tests: config.yml:21: ext_authz: run .*: exit status 9\n$`,
			exitFailed,
		},
		"a program with too much time": {
			good + "ext_authz: {command: sh, timeout: 2m}\n",
			`^config.yml:21: timeout must be at most 1m0s, .*\n$`, exitUsage,
		},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, dir, "config.yml", test.config)
			output, code := run(t, binary, dir, "", "config.yml")
			if code != test.code || !regexp.MustCompile(test.output).MatchString(output) {
				t.Errorf("exit code %d, want %d; the output does not match %q:\n%s",
					code, test.code, test.output, output)
			}
		})
	}
}

// TestExplainWhoMayNotEnter: a disabled user is kept out although a program knows others.
func TestExplainWhoMayNotEnter(t *testing.T) {
	binary := build(t)
	dir := folder(t, binary, "127.0.0.1:0")
	text, err := os.ReadFile(filepath.Join(dir, "config.yml"))
	if err != nil {
		t.Fatal(err)
	}
	disabled := strings.Replace(string(text), `"alice": {`, `"alice": {disabled: true, `, 1)
	write(t, dir, "config.yml", disabled+"ext_auth: {command: sh}\n")
	for account, noted := range map[string]bool{"alice": true, "bob": false, "": false} {
		output, code := run(t, binary, dir, "", "explain", "config.yml",
			"--account", account, "--scope", "repository:public/a:pull")
		got := strings.Contains(output, "note: nobody of that name can log in")
		if got != noted || code != 0 {
			t.Errorf("%q: noted %t, exit code %d:\n%s", account, got, code, output)
		}
	}
}
