package serve

import (
	"bytes"
	"context"
	"log/slog"
)

// An errorLog takes the log of package net/http: no connection can be accepted, a handler panicked.
type errorLog struct{ logger *slog.Logger }

// Write logs one message, unless it is about a handshake: each port scan breaks one off.
func (l errorLog) Write(message []byte) (int, error) {
	if !bytes.HasPrefix(message, []byte("http: TLS handshake error ")) {
		l.logger.LogAttrs(
			context.Background(),
			slog.LevelWarn,
			"http server",
			slog.String("error", string(bytes.TrimSpace(message))),
		)
	}
	return len(message), nil
}
