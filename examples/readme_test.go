package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README shows files of this module word for word, so its programs compile and their tests pass.
func TestReadmeShowsTheExamples(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)<!-- (\\S+) -->\n```(?:go|text)\n(.*?)```\n")
	shown := block.FindAllStringSubmatch(string(readme), -1)
	if programs := strings.Count(string(readme), "```go\n"); len(shown) < programs || programs == 0 {
		t.Fatalf("%d programs in the README, and %d blocks that name their file", programs, len(shown))
	}
	for _, match := range shown {
		file, text := match[1], match[2]
		source, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(file)))
		if err != nil {
			t.Error(err)
			continue
		}
		if text != string(source) {
			t.Errorf("the README's %s is not the file", file)
		}
	}
}
