package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestReadmeHasTheCommands: the table in README.md is that of the commands.
func TestReadmeHasTheCommands(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("\n| command | does | exit code 1 if |\n|---|---|---|\n")
	for _, c := range new(program).commands().subs {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", c.synopsis(), c.short, c.exit)
	}
	if !strings.Contains(string(readme), table.String()+"\n") {
		t.Errorf("README.md does not have the table\n%s", &table)
	}
}

// TestHelp: every command has help, with its flags and when the exit code is 1.
func TestHelp(t *testing.T) {
	for _, c := range new(program).commands().subs {
		var out strings.Builder
		p := &program{stdout: &out}
		err := p.commands().run(t.Context(), p, []string{c.name, "-h"})
		if code := p.exitCode(err); code != exitOK {
			t.Errorf("%s: exit code %d", c.name, code)
		}
		for _, want := range []string{"Usage: " + c.synopsis() + "\n\n", c.help, c.exit} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: the help does not have %q:\n%s", c.name, want, &out)
			}
		}
	}
}
