package token

import (
	"fmt"
	"io"
	"log/slog"
)

// A Secret is a string that must not be printed: an access token or a refresh token. Every verb of package fmt, log/slog
// and encoding/json show three stars in its place; string(s) is the only way to read it, which is easy to find in a
// review.
//
// Two places are out of its reach: a map's key in JSON, and an unexported field of a struct that is printed with fmt. Do not
// put one there. Package authn has the same type: neither package imports the other.
type Secret string

const redacted = "***"

// Format implements [fmt.Formatter] and prints three stars under every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer].
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler], and so covers JSON, XML and their like.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
