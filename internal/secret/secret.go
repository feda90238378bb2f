// Package secret has the string type for passwords, tokens and keys.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// String is a string that must not be printed: a password, a token or a key. Every verb of package
// fmt, log/slog and encoding/json print three stars instead; string(s) is the only way to read it,
// which is easy to find in a review.
//
// Known gaps: a map key in JSON, an unexported field of a struct that is printed with fmt, the
// built-in println, and encoders that do not call MarshalText, such as gob. JSON cannot store it.
type String string

const redacted = "***"

// Format implements [fmt.Formatter] and prints three stars under every verb.
func (String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer].
func (String) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler], and so covers JSON, XML and their like.
func (String) MarshalText() ([]byte, error) { return []byte(redacted), nil }
