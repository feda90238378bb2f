package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The programs in the README are the files of this module, word for word, so they compile and their tests pass.
func TestReadmeShowsTheExamples(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	programs := regexp.MustCompile("(?s)<!-- (\\S+\\.go) -->\n```go\n(.*?)```\n").FindAllStringSubmatch(string(readme), -1)
	if want := strings.Count(string(readme), "```go\n"); len(programs) != want || want == 0 {
		t.Fatalf("%d programs in the README, %d of them with the name of their file", want, len(programs))
	}
	for _, program := range programs {
		file, shown := program[1], program[2]
		source, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(file)))
		if err != nil {
			t.Error(err)
			continue
		}
		if shown != string(source) {
			t.Errorf("the README's %s is not the file", file)
		}
	}
}
