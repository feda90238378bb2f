package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// ErrRemote says that the target is not this machine, and that RemoteAllowed is not set.
var ErrRemote = errors.New("load: the target is not a loopback address")

// checkTarget looks where the host of the URL is, so that a run is refused before it begins.
func (c *Config) checkTarget(ctx context.Context) error {
	if c.RemoteAllowed {
		return nil
	}
	target, err := url.Parse(c.URL)
	if err != nil {
		return err
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", target.Hostname())
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	for _, a := range addresses {
		if a = a.Unmap(); !a.IsLoopback() {
			return fmt.Errorf("%w: %s is at %v", ErrRemote, target.Hostname(), a)
		}
	}
	return nil
}

// newTransport has one connection, from an address if it is valid.
func (c *Config) newTransport(source netip.Addr) *http.Transport {
	dialer := &net.Dialer{Timeout: c.Timeout}
	if source.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
	}
	if !c.RemoteAllowed {
		dialer.Control = onlyLoopback
	}
	return &http.Transport{
		DialContext:         dialer.DialContext,
		MaxConnsPerHost:     1,
		MaxIdleConnsPerHost: 1,
		DisableCompression:  true,
		ForceAttemptHTTP2:   true, // as clients do
		TLSClientConfig:     &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: c.Timeout,
		IdleConnTimeout:     time.Minute,
	}
}

// onlyLoopback looks at the address that a connection is really made to: a name may have got another one since it was checked.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !to.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%w: %v", ErrRemote, to)
	}
	return nil
}
