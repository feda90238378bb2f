package conf

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Document is what was found while a configuration was read.
type Document struct {
	Path string
	// Warnings are in the order in which they were found.
	Warnings []Warning

	getenv    func(string) string
	mistakes  []*PositionError
	watched   map[string]Fingerprint
	variables []string
	settings  map[string]string
	nodes     int
	tooMany   bool
	listing   bool
	keys      []Key
}

// Read reads a YAML file with the function for its root. Environment variables are looked up with
// getenv. Paths are relative to the working directory, as docker_auth's are.
func Read(path, what string, getenv func(string) string, root func(*Node)) *Document {
	d := &Document{
		Path: path, getenv: getenv,
		watched: make(map[string]Fingerprint), settings: make(map[string]string),
	}
	content, err := d.readFile(path)
	if err != nil {
		if e := new(fs.PathError); errors.As(err, &e) {
			err = e.Err
		}
		d.mistake(Position{File: path}, err)
		return d
	}
	d.parse(path, what, content, root)
	return d
}

// Err returns all mistakes, each a [*PositionError], or nil.
func (d *Document) Err() error { return join(d.mistakes) }

// Watched returns the files and folders that were read, as they were before that.
func (d *Document) Watched() map[string]Fingerprint { return d.watched }

// SecretVariables returns the environment variables that hold secrets.
func (d *Document) SecretVariables() []string { return d.variables }

// ChangedAtStart returns the settings that need a restart and differ between two documents.
func ChangedAtStart(one, other *Document) []string {
	all := maps.Clone(one.settings)
	maps.Copy(all, other.settings)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if one.settings[name] != other.settings[name] {
			names = append(names, name)
		}
	}
	return names
}

func (d *Document) mistake(at Position, err error) {
	d.mistakes = append(d.mistakes, &PositionError{at, err})
}

func (d *Document) readFile(path string) ([]byte, error) {
	d.watch(path)
	return os.ReadFile(path) //nolint:gosec // the owner of the configuration says which
}

// parse reads a YAML file that has one document.
func (d *Document) parse(path, what string, content []byte, read func(*Node)) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		d.mistake(Position{path, 1}, errors.New("the file is empty"))
		return
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			d.mistake(Position{path, second.Line}, errors.New("a second YAML document: only one is read"))
			return
		}
	}
	if !errors.Is(err, io.EOF) {
		d.mistake(yamlMistake(path, err))
		return
	}
	root := &Node{Place: Place{d, Position{path, 1}}, name: what}
	root.yaml = root.resolve(document.Content[0])
	read(root)
}

// yamlMistake takes the line out of an error such as "yaml: line 3: what is wrong".
func yamlMistake(path string, err error) (Position, error) {
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
