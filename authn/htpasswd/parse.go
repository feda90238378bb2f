package htpasswd

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authn/static"
)

type userList struct {
	*password.Users

	count int
}

// parse returns the users in the content of the file. The error never quotes a line: the hash may
// be where the name belongs.
func (f *File) parse(content []byte) (userList, error) {
	entries, lines, err := split(content)
	if err != nil {
		return userList{}, fmt.Errorf("%s: %w", f.config.File, err)
	}
	users, err := static.New(static.Config{
		Users: entries, Checker: f.config.Checker, Logger: f.logger(),
	})
	if refused := (*static.UserError)(nil); errors.As(err, &refused) {
		err = fmt.Errorf("%s: line %d: %w", f.config.File, lines[refused.Index], refused.Err)
	}
	return userList{users, len(entries)}, err
}

// split returns the entries and their line numbers.
func split(content []byte) (entries []static.User, lines []int, err error) {
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(content, []byte("\ufeff"))) {
		number++
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(bytes.TrimSpace(line)) == 0 || line[0] == '#' {
			continue
		}
		name, hash, found := bytes.Cut(line, []byte(":"))
		if !found {
			return nil, nil, fmt.Errorf("line %d: no colon between user name and hash", number)
		}
		entries = append(entries, static.User{Name: string(name), PasswordHash: authn.Secret(hash)})
		lines = append(lines, number)
	}
	return entries, lines, nil
}
