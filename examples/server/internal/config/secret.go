package config

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/berthpass/registry-auth/authn"
)

// A secret may stand in the configuration, in a file or in an environment variable: NAME, NAME_file and NAME_env.
type secret struct {
	at    *yaml.Node
	value authn.Secret
	given bool
}

// secret reads one of the three forms into s.
func (r *reader) secret(s *secret, key string, n *yaml.Node) {
	if s.given {
		r.fail(n, "%s: the same secret is given twice", key)
		return
	}
	s.at, s.given = n, true
	text := r.text(n, key)
	switch {
	case strings.HasSuffix(key, "_file"):
		content, err := r.readFile(text)
		if err != nil {
			r.fail(n, "%s: %w", key, plain(err))
		}
		s.value = authn.Secret(strings.TrimSpace(string(content)))
	case strings.HasSuffix(key, "_env"):
		s.value = authn.Secret(strings.TrimSpace(r.getenv(text)))
		if s.value == "" {
			r.fail(n, "%s: the environment variable %q is not set", key, text)
		}
		if !slices.Contains(r.cfg.SecretVariables, text) {
			r.cfg.SecretVariables = append(r.cfg.SecretVariables, text)
		}
	default:
		s.value = authn.Secret(text)
	}
}

// plain shortens the errors of the file system: "open x: no such file or directory" is "x: no such file or directory".
func plain(err error) error {
	if e := new(fs.PathError); errors.As(err, &e) {
		if e.Path == "" {
			return errors.New("the path is empty")
		}
		return &pathError{e}
	}
	return err
}

// bare leaves the path out, for where the line of the error begins with it.
func bare(err error) error {
	if e := new(fs.PathError); errors.As(err, &e) {
		return e.Err
	}
	return err
}

type pathError struct{ *fs.PathError }

func (e *pathError) Error() string { return e.Path + ": " + e.Err.Error() }
