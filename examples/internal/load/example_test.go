package load_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"token": "a token for everybody"}`)
	}))
	defer server.Close()

	report, err := load.Run(context.Background(), load.Config{
		URL:      server.URL,
		Service:  "registry.example.com",
		Duration: 10 * time.Second,
		Requests: 1000,
		Groups: []load.Group{
			{Name: "pulls", Kind: load.Anonymous, Clients: 8, Scopes: []string{"repository:public/app:pull"}},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	pulls := report.Groups[0]
	fmt.Println(pulls.Tokens, "tokens,", pulls.Unexpected, "unexpected,", pulls.Latency.P99 < time.Second)
	// Output: 1000 tokens, 0 unexpected, true
}
