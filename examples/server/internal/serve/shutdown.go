package serve

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const shutdownTimeout = 10 * time.Second

// linger goes on answering for a while after the server has said that it is not ready, so that load balancers learn it before
// the address is closed. The error is that of a server that ended meanwhile.
func (s *Server) linger(ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-time.After(s.current.Load().Server.ShutdownDelay):
		return nil
	}
}

// shutdown lets the requests that are under way finish. The address for metrics stays for as long as there is something to see.
func shutdown(servers []listening) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	var errs []error
	for _, l := range servers {
		if err := l.server.Shutdown(ctx); err != nil {
			_ = l.server.Close()
			errs = append(errs, fmt.Errorf("requests that were under way after %v are cut off: %w", shutdownTimeout, err))
		}
	}
	return errors.Join(errs...)
}
