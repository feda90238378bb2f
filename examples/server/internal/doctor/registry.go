package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/distribution/distribution/v3/configuration"
	"go.yaml.in/yaml/v3"
)

// A registry is what its configuration says.
type registry struct {
	zot     bool           // or else distribution
	bearer  bearer         // http.auth.bearer of zot
	options map[string]any // auth.token of distribution

	autoRedirect   bool
	realm, service string

	listens  string // the URL of the address that it listens at, or ""
	external string // the URL at which clients reach it, if that is configured
	secure   bool   // clients speak https with it
	prefix   string // a path below which it answers
}

// parseRegistry reads zot's JSON or YAML, or distribution's YAML as distribution itself does. That
// parser applies the variables of this process that begin with a prefix. The name of a variable has
// no equals sign, so none begins with that.
func parseRegistry(data []byte, environment bool) (*registry, error) {
	if r := parseZot(data); r != nil {
		return r, nil
	}
	prefix := "="
	if environment {
		prefix = "registry"
	}
	parser := configuration.NewParser(prefix, []configuration.VersionedParseInfo{{
		Version:        configuration.CurrentVersion,
		ParseAs:        reflect.TypeFor[configuration.Configuration](),
		ConversionFunc: func(file any) (any, error) { return file, nil },
	}})
	var file configuration.Configuration
	if err := parser.Parse(data, &file); err != nil {
		oneLine := strings.Join(strings.Fields(err.Error()), " ")
		return nil, fmt.Errorf("%w: %s", ErrUnreadable, oneLine)
	}
	options, found := file.Auth["token"]
	if !found {
		return nil, ErrUnreadable
	}
	encrypted := file.HTTP.TLS.Certificate != "" || file.HTTP.TLS.LetsEncrypt.CacheFile != ""
	autoRedirect, _ := options["autoredirect"].(bool)
	r := &registry{
		options: options,

		autoRedirect: autoRedirect,
		realm:        text(options, "realm"),
		service:      text(options, "service"),
		external:     file.HTTP.Host,
		secure:       encrypted || strings.HasPrefix(file.HTTP.Host, "https:"),
		prefix:       file.HTTP.Prefix,
	}
	if file.HTTP.Net != "unix" {
		r.listens = listenURL(file.HTTP.Addr, encrypted)
	}
	return r, nil
}

// text is an option as text. A value of another type is shown as it is.
func text(options map[string]any, name string) string {
	if value := options[name]; value != nil {
		return fmt.Sprint(value)
	}
	return ""
}

type bearer struct {
	Realm, Service, Cert string
	AWSSecretsManager    map[string]any
}

// parseZot returns nil unless the file has http.auth.bearer. Like zot, encoding/json ignores the
// case of keys.
func parseZot(data []byte) *registry {
	var file struct {
		HTTP struct {
			Address, ExternalURL string
			Port                 any // a string or a number
			TLS                  struct{ Cert string }
			Auth                 struct{ Bearer *bearer }
		}
	}
	if !json.Valid(data) {
		var content map[string]any
		if yaml.Unmarshal(data, &content) != nil {
			return nil
		}
		data, _ = json.Marshal(content) // what JSON cannot express is not zot's
	}
	_ = json.Unmarshal(data, &file) // leaves values of a wrong type out
	if file.HTTP.Auth.Bearer == nil {
		return nil
	}
	http := file.HTTP
	address, port := "127.0.0.1", "8080"
	if http.Address != "" {
		address = http.Address
	}
	if http.Port != nil {
		port = fmt.Sprint(http.Port)
	}
	return &registry{
		zot:      true,
		bearer:   *http.Auth.Bearer,
		realm:    http.Auth.Bearer.Realm,
		service:  http.Auth.Bearer.Service,
		listens:  listenURL(net.JoinHostPort(address, port), http.TLS.Cert != ""),
		external: http.ExternalURL,
		secure:   http.TLS.Cert != "" || strings.HasPrefix(http.ExternalURL, "https:"),
	}
}

// key is the name of a setting of token authorization, from the top of the file.
func (r *registry) key(name string) string {
	if r.zot {
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
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}
	if encrypted {
		u.Scheme = "https"
	}
	if _, err := url.Parse(u.String()); err != nil { // such as a port by name
		return ""
	}
	return u.String()
}

// readFile reads a file that the registry's configuration names. A registry looks in its working
// directory, which may be this one, or that of its configuration.
func (x *examination) readFile(name string) (path string, data []byte, err error) {
	data, err = os.ReadFile(name) //nolint:gosec // the operator names it
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
