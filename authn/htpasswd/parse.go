package htpasswd

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/static"
)

// parse makes a list of users of the file's content. The error has the line and the reason, and never repeats the line: what is
// in the place of the name may be a hash.
func (f *File) parse(content []byte) (*static.Users, error) {
	entries, lines, err := split(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	logger := f.logger().With(slog.String("file", f.path))
	users, err := static.New(static.Config{Users: entries, Checker: f.config.Checker, Logger: logger})
	if refused := (*static.UserError)(nil); errors.As(err, &refused) {
		return nil, fmt.Errorf("%s: line %d: %w", f.path, lines[refused.Index], refused.Err)
	}
	return users, err
}

// split returns the entries and the number of the line of each, from one.
func split(content []byte) (entries []static.User, lines []int, err error) {
	byteOrderMark := []byte("\ufeff")
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(content, byteOrderMark)) {
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
