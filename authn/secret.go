package authn

import "github.com/berthpass/registry-auth/internal/secret"

// A Secret is a string that prints as three stars with every verb of package fmt, in log/slog and
// in encoding/json. Read it with string(s). The two gaps: map keys in JSON, and unexported fields
// of a struct that is printed with fmt.
type Secret = secret.String
