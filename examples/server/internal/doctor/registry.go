package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A kind is one of the registries that are known.
type kind string

const (
	distribution kind = "distribution"
	zot          kind = "zot"
)

// A registry is what its configuration says.
type registry struct {
	kind    kind
	options map[string]any // the section of token authorization: auth.token or http.auth.bearer

	realm, service string

	listens  string // the URL of the address that it listens at, or ""
	external string // the URL at which clients reach it, where that is written down
	secure   bool   // clients speak https with it
	prefix   string // a path below which it answers
}

// parseRegistry reads distribution's YAML or zot's JSON (or YAML, which zot reads too). They are told apart by where the
// section of token authorization lies.
func parseRegistry(data []byte) (*registry, error) {
	file, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if options, found := section(file, "auth", "token"); found {
		return parseDistribution(optional(file, "http"), options), nil
	}
	folded := fold(file) // zot reads keys without regard to case
	if options, found := section(folded, "http", "auth", "bearer"); found {
		return parseZot(optional(folded, "http"), options), nil
	}
	return nil, fmt.Errorf("%w: neither auth.token (distribution) nor http.auth.bearer (zot) is in it", ErrUnreadable)
}

func decode(data []byte) (map[string]any, error) {
	var file map[string]any
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && json.Valid(data) { // JSON may be indented with tabs, YAML not
		return file, json.Unmarshal(data, &file)
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, errors.New(strings.Join(strings.Fields(err.Error()), " ")) // one line
	}
	return file, nil
}

func parseDistribution(http, options map[string]any) *registry {
	r := &registry{
		kind:     distribution,
		options:  options,
		realm:    text(options, "realm"),
		service:  text(options, "service"),
		external: text(http, "host"),
		prefix:   text(http, "prefix"),
	}
	tls := optional(http, "tls")
	encrypted := text(tls, "certificate") != "" || len(optional(tls, "letsencrypt")) > 0
	if text(http, "net") != "unix" {
		r.listens = listenURL(text(http, "addr"), encrypted)
	}
	r.secure = encrypted || strings.HasPrefix(r.external, "https:")
	return r
}

func parseZot(http, options map[string]any) *registry {
	encrypted := text(optional(http, "tls"), "cert") != ""
	external := text(http, "externalurl")
	address, port := text(http, "address"), text(http, "port")
	if address == "" {
		address = "127.0.0.1"
	}
	if port == "" {
		port = "8080"
	}
	return &registry{
		kind:     zot,
		options:  options,
		realm:    text(options, "realm"),
		service:  text(options, "service"),
		listens:  listenURL(net.JoinHostPort(address, port), encrypted),
		external: external,
		secure:   encrypted || strings.HasPrefix(external, "https:"),
	}
}

// key is the name of a setting of token authorization, from the top of the file.
func (r *registry) key(name string) string {
	if r.kind == zot {
		return "http.auth.bearer." + name
	}
	return "auth.token." + name
}

// listenURL is where a registry that listens at an address answers on this machine.
func listenURL(address string, encrypted bool) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if encrypted {
		scheme = "https"
	}
	address = (&url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port)}).String()
	if _, err := url.Parse(address); err != nil { // such as a port by name
		return ""
	}
	return address
}

// section finds a mapping in a mapping in a mapping.
func section(file map[string]any, path ...string) (map[string]any, bool) {
	for _, name := range path {
		next, ok := file[name].(map[string]any)
		if !ok {
			return nil, false
		}
		file = next
	}
	return file, true
}

// optional is section for one that may be missing.
func optional(file map[string]any, path ...string) map[string]any {
	found, _ := section(file, path...)
	return found
}

func text(options map[string]any, name string) string {
	switch value := options[name].(type) {
	case nil:
		return ""
	case string:
		return value
	default: // zot's port may be a number
		return fmt.Sprint(value)
	}
}

func fold(file map[string]any) map[string]any {
	folded := make(map[string]any, len(file))
	for name, value := range file {
		if inner, ok := value.(map[string]any); ok {
			value = fold(inner)
		}
		folded[strings.ToLower(name)] = value
	}
	return folded
}

// readFile reads what the registry's configuration names. A registry looks in its working directory; it may be this one, or
// that of its configuration.
func (x *examination) readFile(name string) (path string, data []byte, err error) {
	data, err = os.ReadFile(name) //nolint:gosec // the file that the operator names
	if !errors.Is(err, fs.ErrNotExist) || filepath.IsAbs(name) || x.RegistryConfigPath == "" {
		return name, data, err
	}
	beside := filepath.Join(filepath.Dir(x.RegistryConfigPath), name)
	data, errBeside := os.ReadFile(beside) //nolint:gosec // the same
	if errBeside != nil {
		return name, nil, err
	}
	return beside, data, nil
}
