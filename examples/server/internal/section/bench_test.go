package section_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkLoad reads a configuration of 100 000 rules, which is to take less than two seconds.
func BenchmarkLoad(b *testing.B) {
	folder := b.TempDir()
	files := newFiles(b, folder)
	path := filepath.Join(folder, "config.yml")
	var rules strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(
			&rules,
			"  - match: {account: \"user%d\", name: \"team%d/*\"}\n    actions: [\"pull\", \"push\"]\n    "+
				"comment: \"rule %d\"\n",
			i,
			i,
			i,
		)
	}
	write(b, path, files.replace(head+"users: {}\nacl:\n")+rules.String())
	for b.Loop() {
		if _, err := load(path, os.Getenv); err != nil {
			b.Fatal(err)
		}
	}
}
