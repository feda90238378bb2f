package conf

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/berthpass/registry-auth/authn"
)

// ReadFile reads the file that the text names, and watches it.
func (n *Node) ReadFile() []byte {
	path := n.Text()
	if n.doc.listing {
		return nil
	}
	content, err := n.doc.readFile(path)
	if err != nil {
		n.Errorf("%s: %w", n.name, withoutVerb(err))
		return nil
	}
	n.input(content)
	return content
}

// ReadSecretFile is ReadFile for a secret. It warns if everybody can read the file.
func (n *Node) ReadSecretFile() []byte {
	content := n.ReadFile()
	const others = 0o004
	info, err := os.Stat(n.Text())
	if err == nil && info.Mode()&others != 0 && runtime.GOOS != "windows" {
		n.Warnf("everybody on this machine can read %s; protect it with chmod o-r", n.Text())
	}
	return content
}

// Variable reads the environment variable that the text names, which holds a secret.
func (n *Node) Variable() authn.Secret {
	name := n.Text()
	value := strings.TrimSpace(n.doc.getenv(name))
	if value == "" {
		n.Errorf("%s: the environment variable %q is not set", n.name, name)
	}
	if !slices.Contains(n.doc.variables, name) {
		n.doc.variables = append(n.doc.variables, name)
	}
	n.input([]byte(value))
	return authn.Secret(value)
}

// input adds what was read elsewhere to the sums of this node and of those above it.
func (n *Node) input(content []byte) {
	sum := sha256.Sum256(content)
	for at := n; at != nil; at = at.parent {
		at.inputs = append(at.inputs, sum[:]...)
	}
}

// Watch watches a file that is not read, such as one that is missing.
func (n *Node) Watch(path string) { n.doc.watch(path) }

// Include reads another YAML file. Its mistakes have its own lines.
func (n *Node) Include(path, what string, read func(*Node)) {
	if n.doc.listing {
		return
	}
	content, err := n.doc.readFile(path)
	if err != nil {
		n.Errorf("%s: %w", n.name, withoutVerb(err))
		return
	}
	n.input(content)
	n.doc.parse(path, what, content, read)
}

// Folder returns the paths of the *.yml and *.yaml files of the folder that the text names, in the
// order of their names, and watches it.
func (n *Node) Folder() []string {
	folder := n.Text()
	if n.doc.listing {
		return nil
	}
	n.doc.watch(folder)
	entries, err := os.ReadDir(folder)
	if err != nil {
		n.Errorf("%s: %w", n.name, withoutVerb(err))
		return nil
	}
	var paths []string
	for _, entry := range entries {
		extension := filepath.Ext(entry.Name())
		if !entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") &&
			(extension == ".yml" || extension == ".yaml") {
			paths = append(paths, filepath.Join(folder, entry.Name()))
		}
	}
	return paths
}
