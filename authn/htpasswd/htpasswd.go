package htpasswd

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// Config configures [Open]. Only File is required.
type Config struct {
	// File is the path of the file. It may be a symbolic link.
	File string
	// Checker limits concurrent password checks. All sources of a process should share one. The
	// default is one for this file.
	Checker *password.Checker
	// Logger receives the results of reloads and warnings about weak hashes. The default is
	// slog.Default().
	Logger *slog.Logger
}

// A File is a source of users that follows the changes of a file. It is an [authn.Authenticator]
// and an [authn.Directory], and safe for concurrent use. [Open] makes one. It does not have to be
// closed.
type File struct {
	config Config
	latest atomic.Pointer[version]
	reload sync.Mutex // serializes the replacement of latest
}

var _ authn.Directory = (*File)(nil)

// Open reads the file. The error names the line that is wrong and contains no hash. It wraps
// [fs.ErrNotExist] or [password.ErrHash] if that is the reason. A file without users is no error.
func Open(config Config) (*File, error) {
	if config.Checker == nil {
		config.Checker = &password.Checker{} // survives reloads
	}
	f := &File{config: config}
	first, content, err := read(config.File, &version{})
	if err != nil {
		return nil, err
	}
	if first.users, err = f.parse(content); err != nil {
		return nil, err
	}
	f.latest.Store(first)
	return f, nil
}

// Authenticate checks the password against the users last read, after it has looked for changes.
// The error wraps [authn.ErrNoMatch] for an unknown user, [authn.ErrRejected] for a wrong password,
// and [password.ErrBusy] when too many checks are running.
func (f *File) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	return f.current().users.Authenticate(ctx, r)
}

// Lookup finds a user in the same way. The error wraps [authn.ErrNoMatch] for an unknown one.
func (f *File) Lookup(ctx context.Context, name string) (authn.Subject, error) {
	return f.current().users.Lookup(ctx, name)
}

// Err looks for changes first, and returns why the file cannot be used, or nil.
func (f *File) Err() error { return f.current().err }

func (f *File) logger() *slog.Logger {
	return cmp.Or(f.config.Logger, slog.Default()).With(slog.String("file", f.config.File))
}
