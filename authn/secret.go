package authn

import "github.com/berthpass/registry-auth/internal/secret"

// A Secret is a string that must not be printed: a password, a token or a key. Every verb of
// package fmt, log/slog and encoding/json print three stars instead; string(s) is the only way to
// read it.
//
// Two places are out of its reach: a map key in JSON, and an unexported field of a struct that is
// printed with fmt. Do not put one there.
type Secret = secret.String
