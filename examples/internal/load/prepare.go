package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	loginsAtOnce    = 8
	loginsAtMost    = time.Minute // for one of them, with all that are refused since the server is busy
	pauseBetweenTry = 200 * time.Millisecond
)

// A login is one that has to be before the clients of a group can ask.
type login struct {
	group        *group
	client       int
	refreshToken bool
}

// logins are those of all groups: of each client, since a server may remember from where somebody logged in, and for refresh
// tokens of each user, since a server may bound how many of them a user has.
func (r *run) logins() (list []login) {
	for _, g := range r.groups {
		switch {
		case g.Kind == Login && !g.Unprepared:
			for client := range g.Clients {
				list = append(list, login{group: g, client: client})
			}
		case g.Kind == Refresh:
			for client := range min(g.Clients, len(g.Users)) {
				list = append(list, login{group: g, client: client, refreshToken: true})
			}
		}
	}
	return list
}

// prepare makes all logins, some at once, and ends with the first that fails.
func (r *run) prepare() error {
	ctx, cancel := context.WithCancelCause(r.ctx)
	defer cancel(nil)
	list := r.logins()
	r.loginCount.Store(int64(len(list)))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(loginsAtOnce, len(list)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(list)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				if err := list[i].do(ctx); err != nil {
					cancel(err)
				}
				r.loginsDone.Add(1)
			}
		})
	}
	workers.Wait()
	if r.ctx.Err() != nil {
		return fmt.Errorf("load: ended before all had logged in: %w", context.Cause(r.ctx))
	}
	return context.Cause(ctx)
}

// do logs in, and tries again while the server is busy.
func (l *login) do(ctx context.Context) error {
	c := &l.group.run.config
	user := l.client % len(l.group.Users)
	name := l.group.Users[user].Name
	ctx, cancel := context.WithTimeout(ctx, loginsAtMost)
	defer cancel()
	a, err := l.ask(ctx, user)
	for err == nil && a.busy() && sleep(ctx, pauseBetweenTry) {
		a, err = l.ask(ctx, user)
	}
	if err == nil && a.status != http.StatusOK {
		err = errors.New(a.describe())
	}
	if err != nil {
		return fmt.Errorf("load: %s logs in: %w", name, err)
	}
	t, err := a.decode()
	switch {
	case err != nil:
		return fmt.Errorf("load: %s logs in: %w", name, err)
	case l.refreshToken && t.RefreshToken == "":
		return fmt.Errorf("load: %s got no refresh token", name)
	case l.refreshToken:
		l.group.writer.setRefreshToken(c, user, t.RefreshToken)
	}
	return nil
}

func (l *login) ask(ctx context.Context, user int) (answer, error) {
	c := &l.group.run.config
	query := url.Values{"service": {c.Service}, "client_id": {clientID}}
	if l.refreshToken {
		query.Set("offline_token", "true")
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return answer{}, err
	}
	r.Header = l.group.writer.headers[user]
	return do(l.group.transports[l.client%l.group.Connections], r, new(bytes.Buffer))
}
