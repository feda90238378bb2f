package serve

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const shutdownTimeout = 10 * time.Second

// linger keeps answering for a while after the server has said that it is not ready, until load
// balancers know it. The error is that of a server that ended meanwhile.
func (s *Server) linger(ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-time.After(s.current.Load().Server.ShutdownDelay):
		return nil
	}
}

// shutdown lets the requests under way finish. The address of metrics is closed last.
func shutdown(servers []listening) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	var errs []error
	for _, l := range servers {
		if err := l.server.Shutdown(ctx); err != nil {
			_ = l.server.Close()
			errs = append(
				errs,
				fmt.Errorf("requests that were under way after %v are cut off: %w", shutdownTimeout, err),
			)
		}
	}
	return errors.Join(errs...)
}
