// Package testnames finds the tests of the tree, for tables that name them.
package testnames

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Declared returns the tests, fuzz targets and benchmarks below a folder: TestParse of package scope as "TestParse" and, with the
// folder that it is in, as "scope.TestParse".
func Declared(root string) (map[string]bool, error) {
	names := make(map[string]bool)
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") || entry.IsDir() {
			return err
		}
		source, err := os.ReadFile(path) //nolint:gosec // a file of the tree
		if err != nil {
			return err
		}
		absolute, err := filepath.Abs(path)
		folder := filepath.Base(filepath.Dir(absolute))
		for _, match := range declared.FindAllSubmatch(source, -1) {
			names[string(match[1])] = true
			names[folder+"."+string(match[1])] = true
		}
		return err
	})
	return names, err
}
