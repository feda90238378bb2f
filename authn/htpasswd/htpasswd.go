package htpasswd

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

// Config configures [Open].
type Config struct {
	// File is the path of the file, which may be a symbolic link.
	File string
	// Checker bounds how many passwords are checked at once. All sources of a process should share one; the default is one
	// for this file alone.
	Checker *password.Checker
	// Logger receives what became of changes to the file, and warnings about weak hashes. The default is slog.Default(),
	// looked up at each use.
	Logger *slog.Logger
}

// A File is a source of users that follows a file. It is an [authn.Authenticator] and an [authn.Directory], and safe for
// concurrent use. [Open] makes one. It holds nothing open and needs no closing.
type File struct {
	path   string
	config Config

	latest atomic.Pointer[version]
	reload sync.Mutex // held by the one who reads the file anew
}

var (
	_ authn.Authenticator = (*File)(nil)
	_ authn.Directory     = (*File)(nil)
)

// Open reads the file at path, which may be a symbolic link. The error says which line is wrong, and why; a program should not
// start then. A file without users is no error.
func Open(config Config) (*File, error) {
	if config.Checker == nil {
		config.Checker = &password.Checker{} // one for all versions of the file
	}
	f := &File{path: config.File, config: config}
	first, err := f.open()
	if err != nil {
		return nil, err
	}
	f.latest.Store(first)
	return f, nil
}

// Authenticate checks the password against the file as it is now. It wraps [authn.ErrNoMatch] for an unknown user,
// [authn.ErrRejected] for a wrong password, and [password.ErrBusy] when too many passwords are being checked. The first two
// take the same time.
func (f *File) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	return f.current().users.Authenticate(ctx, r)
}

// Lookup returns the subject of that name from the file as it is now. The error wraps [authn.ErrNoMatch] for an unknown user.
func (f *File) Lookup(ctx context.Context, name string) (authn.Subject, error) {
	return f.current().users.Lookup(ctx, name)
}

// Err says why the file as it is now is not in force, and is nil when it is. While there is an error, the users that were read
// before it remain.
func (f *File) Err() error {
	return f.current().err
}

func (f *File) log(level slog.Level, message string, attr slog.Attr) {
	f.logger().LogAttrs(context.Background(), level, message, slog.String("file", f.path), attr)
}

func (f *File) logger() *slog.Logger {
	if f.config.Logger != nil {
		return f.config.Logger
	}
	return slog.Default()
}
