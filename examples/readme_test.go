package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The READMEs show files of this module word for word, so their programs compile and are tested.
func TestReadmesShowTheExamples(t *testing.T) {
	block := regexp.MustCompile("(?s)<!-- (part of )?(\\S+) -->\n```(?:go|text)\n(.*?)```\n")
	for _, name := range []string{"README.md", "examples/embed/README.md"} {
		readme, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		shown := block.FindAllStringSubmatch(string(readme), -1)
		programs := strings.Count(string(readme), "```go\n")
		if len(shown) < programs || programs == 0 {
			t.Fatalf("%s has %d programs, and %d name their file", name, programs, len(shown))
		}
		for _, match := range shown {
			isPart, file, text := match[1] != "", match[2], match[3]
			source, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(file)))
			if err != nil {
				t.Error(err)
				continue
			}
			if text != string(source) && !(isPart && strings.Contains(string(source), text)) {
				t.Errorf("%s does not show %s as it is", name, file)
			}
		}
	}
}
