package htpasswd_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/htpasswd"
)

func Example() {
	directory, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(directory) }()
	path := filepath.Join(directory, "htpasswd")
	// What htpasswd -nbBC 10 alice wonderland printed.
	line := "alice:$2y$10$x4qSM57rDGa3Nph/VUWEPezMGoZPrMKHcHR.Q80VYbFWOT5v8uEn.\n"
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	file, err := htpasswd.Open(htpasswd.Config{File: path, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Clients send the password with every request; the cache avoids most checks.
	users := authn.Cache(file, authn.CacheConfig{})

	subject, err := users.Authenticate(context.Background(), authn.Request{Username: "alice", Password: "wonderland"})
	fmt.Println(subject.Name, err)

	// Once alice is not in the file any more, she is not in the cache either.
	if err := os.WriteFile(path, []byte("# nobody\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	_, err = users.Authenticate(context.Background(), authn.Request{Username: "alice", Password: "wonderland"})
	fmt.Println(err)
	// Output:
	// alice <nil>
	// no match: no user "alice"
}
