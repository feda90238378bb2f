package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
)

const (
	longestAnswer = 1 << 20
	// An answer that is shorter than this is always decoded: it hardly has room for a token.
	shortAnswer = 128
)

// An answer is what came back for one request.
type answer struct {
	status int
	body   []byte // until the next request of the client
}

// do sends a request and reads the answer into the buffer.
func do(transport http.RoundTripper, r *http.Request, buffer *bytes.Buffer) (answer, error) {
	response, err := transport.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	buffer.Reset()
	if _, err := buffer.ReadFrom(io.LimitReader(response.Body, longestAnswer)); err != nil {
		return answer{}, err
	}
	return answer{response.StatusCode, buffer.Bytes()}, nil
}

// A tokenAnswer is the part of an answer's JSON that is looked at.
type tokenAnswer struct {
	Token        string `json:"token"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

// decode finds the token.
func (a answer) decode() (tokenAnswer, error) {
	var t tokenAnswer
	if err := json.Unmarshal(a.body, &t); err != nil {
		return t, fmt.Errorf("200 without JSON: %w", err)
	}
	if t.Token == "" {
		t.Token = t.AccessToken
	}
	if t.Token == "" {
		return t, errors.New("200 without a token")
	}
	return t, nil
}

// describe is for people. It never has a token in it.
func (a answer) describe() string {
	const most = 160
	if a.status == http.StatusOK {
		return fmt.Sprintf("200 with %d bytes", len(a.body))
	}
	return fmt.Sprintf("%d %q", a.status, a.body[:min(len(a.body), most)])
}

// busy says that the server has too much to do, or has had too many wrong passwords. Right credentials may get that too.
func (a answer) busy() bool {
	return a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable
}

const timedOut = "timeout"

// errorKind is the name under which an error is counted.
func errorKind(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return timedOut
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	}
	return "other"
}
