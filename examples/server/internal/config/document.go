package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFileBytes bounds a file: 100 000 rules are a tenth of it.
const maxFileBytes = 128 << 20

// readFile reads a file of the configuration, and remembers it as one to watch.
func (l *loader) readFile(path string) ([]byte, error) {
	l.watch(path)
	file, err := os.Open(path) //nolint:gosec // the owner of the configuration says which
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > maxFileBytes:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFileBytes)
	}
	return content, nil
}

// parse returns the root of a YAML file, or nil when there is none; the problem is then among those of the loader.
func (l *loader) parse(path string, content []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		l.problem(Position{path, 1}, errors.New("the file is empty"))
		return nil
	}
	if err == nil {
		if trailing := decoder.Decode(&second); trailing == nil {
			l.problem(Position{path, second.Line}, errors.New("a second YAML document: only one is read"))
			return nil
		} else if !errors.Is(trailing, io.EOF) {
			err = trailing
		}
	}
	if err != nil {
		l.problem(yamlProblem(path, err))
		return nil
	}
	return document.Content[0]
}

// yamlProblem takes the line out of an error of the YAML library, whose text is "yaml: line 3: what is wrong".
func yamlProblem(path string, err error) (Position, error) {
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " ")
	position := Position{path, 1}
	if found := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); found != nil {
		text = strings.TrimPrefix(text, found[0])
		if line, err := strconv.Atoi(found[1]); err == nil {
			position.Line = line
		}
	}
	return position, errors.New("not YAML: " + text)
}
