package authn

import "github.com/berthpass/registry-auth/internal/secret"

// A Secret is a string that prints as three stars with every verb of package fmt, in log/slog and
// in encoding/json, which cannot store it. Read it with string(s). Known gaps: JSON map keys,
// unexported fields of a struct that fmt prints, println, and encoding/gob.
type Secret = secret.String
