package load

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
)

const (
	clientID  = "registry-auth-load"
	userAgent = "registry-auth-load"
	form      = "application/x-www-form-urlencoded"
)

// A writer makes the requests of a group. What is the same each time is made beforehand, to save the generator's time.
type writer struct {
	gets     []*http.Request // one for each scope
	post     *http.Request
	postEnds []string // of the body, one for each scope
	nobody   http.Header
	headers  []http.Header // one for each user
	bodies   []string      // for Refresh, the beginning, one for each user
	users    []User
	base     http.Header // what all requests have
	run      string      // in wrong passwords, so that no two runs have the same
	guesses  atomic.Uint64
}

func newWriter(c *Config, g *Group) (*writer, error) {
	w := &writer{base: newHeader(g.Header), users: g.Users, run: rand.Text()}
	w.nobody = w.base
	scopes := g.Scopes
	if len(scopes) == 0 {
		scopes = []string{""}
	}
	for _, scope := range scopes {
		query := url.Values{"service": {c.Service}, "client_id": {clientID}}
		end := ""
		if scope != "" {
			query.Set("scope", scope)
			end = "&scope=" + url.QueryEscape(scope)
		}
		get, err := http.NewRequestWithContext(context.Background(), http.MethodGet, c.URL+"?"+query.Encode(), http.NoBody)
		if err != nil {
			return nil, err
		}
		w.gets = append(w.gets, get)
		w.postEnds = append(w.postEnds, end)
	}
	var err error
	w.post, err = http.NewRequestWithContext(context.Background(), http.MethodPost, c.URL, http.NoBody)
	if err != nil {
		return nil, err
	}
	w.post.Header = w.base.Clone()
	w.post.Header.Set("Content-Type", form)
	for _, u := range g.Users {
		w.headers = append(w.headers, w.basic(u.Name, u.Password))
	}
	w.bodies = make([]string, len(g.Users))
	return w, nil
}

// get asks for the n-th scope with some headers, which are not changed.
func (w *writer) get(ctx context.Context, header http.Header, n int) *http.Request {
	r := w.gets[n%len(w.gets)].WithContext(ctx)
	r.Header = header
	return r
}

// refresh asks for the n-th scope with a user's refresh token.
func (w *writer) refresh(ctx context.Context, user, n int) *http.Request {
	body := w.bodies[user] + w.postEnds[n%len(w.postEnds)]
	r := w.post.WithContext(ctx)
	r.ContentLength = int64(len(body))
	r.Body = io.NopCloser(strings.NewReader(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil } // for a connection that was closed
	return r
}

// setRefreshToken is called before the first refresh.
func (w *writer) setRefreshToken(c *Config, user int, token string) {
	w.bodies[user] = url.Values{
		"grant_type": {"refresh_token"}, "service": {c.Service}, "client_id": {clientID}, "refresh_token": {token},
	}.Encode()
}

// wrong has a password that nobody has.
func (w *writer) wrong(client int) http.Header {
	name := "nobody" + strconv.Itoa(client)
	if len(w.users) > 0 {
		name = w.users[client%len(w.users)].Name
	}
	return w.basic(name, w.run+strconv.FormatUint(w.guesses.Add(1), 10))
}

func newHeader(more http.Header) http.Header {
	h := http.Header{"User-Agent": {userAgent}}
	maps.Copy(h, more)
	return h
}

func (w *writer) basic(name, password string) http.Header {
	h := w.base.Clone()
	h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(name+":"+password)))
	return h
}
