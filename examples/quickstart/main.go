// Quickstart is a private registry with token authorization in one process, on one port: a token
// server at /token and distribution's registry at /v2/. Keys and images last until it ends. Its
// passwords are public: use it to see how the parts work together, not to keep anything.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const welcome = `Registry and token server are at HOST. Images are kept in memory.

  alice (password: wonderland) may pull, push and delete alice/*, bob (builder) bob/*.
  Everybody may pull public/*, without a login too. Alice and bob may push there.

Try, in another terminal (docker pull and docker push do the same as crane):

  echo wonderland | docker login -u alice --password-stdin HOST
  crane pull HOST/public/hello:1 hello.tar
  crane push hello.tar HOST/alice/app:1
  crane push hello.tar HOST/bob/app:1   # refused

Undo it: docker logout HOST && rm hello.tar
End it with Ctrl-C. Its decisions:

`

func main() {
	port := flag.String("port", "5000", "listen on `PORT` of localhost; 0 is any free one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, "localhost:"+*port); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run answers requests until ctx is done, and then finishes those that are still running.
func run(ctx context.Context, addr string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("%w (-port chooses another port)", err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	host := "localhost:" + port // the realm must be at the host that clients name
	finish := context.WithoutCancel(ctx)
	handler, err := newHandler(finish, host)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()

	fmt.Print(strings.ReplaceAll(welcome, "HOST", host))
	if err := pushSample(finish, host); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Shutdown(finish)
	}
}
