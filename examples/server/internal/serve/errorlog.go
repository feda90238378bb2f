package serve

import (
	"bytes"
	"context"
	"log/slog"
)

// An errorLog takes what package net/http has to tell: that no connection can be accepted, that a handler panicked.
type errorLog struct{ logger *slog.Logger }

// Write logs one message. Handshakes that strangers break off are none: there is one for each port scan.
func (l errorLog) Write(message []byte) (int, error) {
	if !bytes.HasPrefix(message, []byte("http: TLS handshake error ")) {
		l.logger.LogAttrs(context.Background(), slog.LevelWarn, "http server", slog.String("error", string(bytes.TrimSpace(message))))
	}
	return len(message), nil
}
