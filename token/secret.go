package token

import "github.com/berthpass/registry-auth/internal/secret"

// A Secret is a string that must not be printed, such as an access token. It is the same type as
// authn.Secret: fmt, log/slog and encoding/json print three stars, and string(s) reads it.
type Secret = secret.String
