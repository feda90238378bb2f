package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

// people are the users: those that have logged in, and those that have not.
type people struct{ warm, cold []load.User }

// passwordVariable has the password of -user. A flag would show it in the list of processes.
const passwordVariable = "LOAD_PASSWORD"

// readUsers are those that the flags name. Where some nodes log in for the first time, half of the users are kept for that.
func (p *program) readUsers(o *options) (people, error) {
	switch {
	case o.user != "":
		password := p.getenv(passwordVariable)
		if password == "" {
			return people{}, fmt.Errorf("%w: -user needs the password in the environment, as %s", errUsage, passwordVariable)
		}
		return people{warm: []load.User{{Name: o.user, Password: password}}}, nil
	case o.users == "":
		return people{}, nil
	}
	list, err := p.readUsersFile(o.users)
	if err != nil {
		return people{}, fmt.Errorf("%w: users: %w", errUsage, err)
	}
	if o.mix[load.Cold] == 0 {
		return people{warm: list}, nil
	}
	half := (len(list) + 1) / 2
	return people{warm: list[:half], cold: list[half:]}, nil
}

func (p *program) readUsersFile(name string) ([]load.User, error) {
	if name == "-" {
		return parseUsers(p.stdin)
	}
	file, err := os.Open(name) //nolint:gosec // the file that was asked for
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseUsers(file)
}

// parseUsers reads one "name:password" in a line. Empty lines and those that begin with # are skipped.
func parseUsers(r io.Reader) ([]load.User, error) {
	var list []load.User
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, password, ok := strings.Cut(line, ":")
		if !ok || name == "" || password == "" {
			return nil, fmt.Errorf("line %d is not name:password", n)
		}
		list = append(list, load.User{Name: name, Password: password})
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("there are none")
	}
	return list, nil
}
