package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// bareFlag makes the program the bare server of S1.
const bareFlag = "-bare-server"

// signedBytes is about what of a token is signed.
const signedBytes = 900

// rfc6979 is where the bare server signs without randomness, which takes less time. That is how package token signs.
const rfc6979 = "/rfc6979"

// serveBare is the least that a token server can do: one ES256 signature for each request, and an answer as long as a real one, with the
// headers that keep others from keeping it.
func serveBare(ctx context.Context, length int, stdout io.Writer) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	const first, last = `{"token":"`, `"}`
	answer := []byte(first + strings.Repeat("x", max(0, length-len(first)-len(last))) + last)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 15 * time.Second, IdleTimeout: time.Minute}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		random := rand.Reader
		if r.URL.Path == rfc6979 {
			random = nil
		}
		digest := sha256.Sum256(answer[:min(len(answer), signedBytes)])
		if _, err := key.Sign(random, digest[:], crypto.SHA256); err != nil {
			panic(err)
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-store")
		h.Set("Pragma", "no-cache")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Length", strconv.Itoa(len(answer)))
		_, _ = w.Write(answer)
	})
	if _, err := fmt.Fprintln(stdout, listener.Addr()); err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// startBare runs this program as the bare server, with answers of a length.
func (b *bench) startBare(ctx context.Context, length int) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, bareFlag, strconv.Itoa(length))} //nolint:gosec,noctx // ourselves; it is stopped in order
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.run(); err != nil {
		return nil, err
	}
	if _, err := fmt.Fscanln(stdout, &p.host); err != nil {
		return nil, errors.Join(fmt.Errorf("start the bare server: %w", err), p.stop())
	}
	p.url = "http://" + p.host + "/auth"
	return p, ctx.Err()
}
