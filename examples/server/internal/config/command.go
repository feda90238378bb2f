package config

import (
	"errors"
	"os/exec"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/berthpass/registry-auth/examples/server/internal/program"
)

// A Command is a program that is asked.
type Command struct {
	// Path is where the program was found, Args are its arguments.
	Path string
	Args []string
	// Timeout is how long one answer may take.
	Timeout time.Duration
	// MaxRunning is how many may run at once.
	MaxRunning int
}

const (
	defaultCommandTimeout = 5 * time.Second
	defaultMaxRunning     = 16
	// maxCommandTimeout bounds what a client waits for: few have more patience, and each holds a connection.
	maxCommandTimeout = time.Minute
)

func (r *reader) command(section, n *yaml.Node) *Command {
	what := section.Value
	c := &Command{Timeout: defaultCommandTimeout, MaxRunning: defaultMaxRunning}
	at, name := section, ""
	r.mapping(n, what, func(key string, value *yaml.Node) bool {
		switch key {
		case "command":
			at, name = value, r.text(value, key)
		case "args":
			c.Args = r.texts(value, key)
		case "timeout":
			if c.Timeout = r.duration(value, key); c.Timeout > maxCommandTimeout {
				r.fail(value, "timeout must be at most %v, since a client waits for it, and is %v", maxCommandTimeout, c.Timeout)
			}
		case "max_running":
			c.MaxRunning = r.atLeastOne(value, key)
		default:
			return false
		}
		return true
	})
	if name == "" {
		r.fail(section, "%s.command is missing", what)
		return c
	}
	found, err := exec.LookPath(name)
	if err = errors.Join(err, program.Supported()); err != nil {
		r.fail(at, "%s.command: %w", what, err)
		return c
	}
	c.Path = found
	return c
}
