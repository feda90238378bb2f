package config

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/berthpass/registry-auth/token"
)

// Refresh says whether clients may have refresh tokens, where they are kept, and for how long.
type Refresh struct {
	Disabled      bool
	IdleLifetime  time.Duration
	Lifetime      time.Duration
	MaxPerSubject int
	// Rotate makes each use replace the token. Grace is how long it still works then.
	Rotate bool
	Grace  time.Duration
	// File is where they are kept, or empty: then they are kept in memory. At is where it stands.
	File string
	At   Position
	// KeyFile has the key under which they are hashed. It is there when File is, and made at the first start.
	KeyFile string
}

// KeyCheckFile is what tells, beside File, under which key the tokens in it are hashed.
func (r Refresh) KeyCheckFile() string { return r.File + ".keycheck" }

func defaultRefresh() Refresh {
	return Refresh{
		IdleLifetime:  token.DefaultRefreshIdleLifetime,
		Lifetime:      token.DefaultRefreshLifetime,
		MaxPerSubject: token.DefaultRefreshMaxPerSubject,
		Grace:         token.DefaultRefreshGrace,
	}
}

// Settings are those for the library, without the store and the key.
func (r Refresh) Settings() token.RefreshConfig {
	return token.RefreshConfig{
		IdleLifetime: r.IdleLifetime, Lifetime: r.Lifetime, MaxPerSubject: r.MaxPerSubject, Rotate: r.Rotate, Grace: r.Grace,
	}
}

func (r *reader) refreshTokens(section, n *yaml.Node) {
	refresh := &r.cfg.Refresh
	refresh.At = r.at(section)
	var rotate, keyFile *yaml.Node
	r.mapping(n, "refresh_tokens", func(key string, value *yaml.Node) bool {
		switch key {
		case "enabled":
			refresh.Disabled = !r.boolean(value, key)
		case "idle_lifetime":
			refresh.IdleLifetime = r.duration(value, key)
		case "lifetime":
			refresh.Lifetime = r.duration(value, key)
		case "max_per_user":
			refresh.MaxPerSubject = r.atLeastOne(value, key)
		case "rotate":
			refresh.Rotate, rotate = r.boolean(value, key), value
		case "grace":
			refresh.Grace = r.duration(value, key)
		case "file":
			refresh.File, refresh.At = r.text(value, key), r.at(value)
		case "key_file":
			refresh.KeyFile, keyFile = r.text(value, key), value
		default:
			return false
		}
		return true
	})
	if refresh.IdleLifetime > refresh.Lifetime {
		r.fail(n, "refresh_tokens: idle_lifetime is longer than lifetime")
	}
	settings := refresh.Settings()
	settings.Store = token.NewRefreshMemory()
	if _, err := token.NewRefreshTokens(settings); err != nil {
		r.fail(n, "refresh_tokens: %w", err)
	}
	if refresh.Rotate {
		r.warn(rotate, "rotate: clients that keep the first token they are given, as docker does, have to log in again and again")
	}
	r.checkRefreshFiles(n, keyFile)
}

func (r *reader) checkRefreshFiles(n, keyFile *yaml.Node) {
	refresh := r.cfg.Refresh
	switch {
	case refresh.File == "" && refresh.KeyFile == "":
		return
	case refresh.File == "":
		r.fail(keyFile, "refresh_tokens: key_file means nothing without file")
		return
	case refresh.KeyFile == "":
		r.fail(n, "refresh_tokens: file needs a key_file, another file for the key under which tokens are hashed; it is made if it is not there")
		return
	case filepath.Clean(refresh.KeyFile) == filepath.Clean(refresh.KeyCheckFile()):
		r.fail(keyFile, "refresh_tokens: key_file is where the server keeps what it compares the key with: give it another name")
		return
	case filepath.Clean(refresh.File) == filepath.Clean(refresh.KeyFile):
		r.fail(keyFile, "refresh_tokens: file and key_file are the same: a copy of one is to be worthless without the other")
		return
	}
	for _, path := range []string{refresh.File, refresh.KeyFile} {
		if folder := filepath.Dir(path); !isFolder(folder) {
			r.fail(n, "refresh_tokens: %q is not a folder", folder)
		}
	}
	if _, err := ReadRefreshKey(refresh.KeyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.fail(keyFile, "refresh_tokens: %w", err)
	}
	r.warnOfReaders(keyFile, refresh.KeyFile)
}

const (
	refreshKeyBytes = 32
	// maxRefreshKeyFileBytes is more than any such file has.
	maxRefreshKeyFileBytes = 4 << 10
)

// ReadRefreshKey reads the key under which refresh tokens are hashed: 32 bytes or more, in hexadecimal. The error wraps
// [fs.ErrNotExist] when there is no such file.
func ReadRefreshKey(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the owner of the configuration says which
	if err != nil {
		return nil, fmt.Errorf("key_file: %w", plain(err))
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxRefreshKeyFileBytes))
	if err != nil {
		return nil, fmt.Errorf("key_file: %w", plain(err))
	}
	key, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) < refreshKeyBytes { // without err, which shows characters of it
		return nil, fmt.Errorf("key_file: %s has no key: %d bytes or more, in hexadecimal", path, refreshKeyBytes)
	}
	return key, nil
}
