package refreshadmin_test

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/berthpass/registry-auth/auth/refreshadmin"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token/refresh"
)

// An operator who knows a password may list and revoke. A GET or DELETE reads its query only:
//
//	curl -u operator -X DELETE 'http://localhost:5003/refresh-tokens?subject=alice'
func ExampleNew() {
	const password = "correct horse battery staple"
	tokens, err := refresh.New(refresh.Config{Store: refresh.NewMemoryStore()})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler, err := refreshadmin.New(refreshadmin.Config{
		Tokens: tokens,
		Allow: func(r *http.Request) (string, error) {
			name, given, _ := r.BasicAuth()
			if subtle.ConstantTimeCompare([]byte(given), []byte(password)) == 0 {
				return "", authn.ErrRejected
			}
			return name, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	alice := authn.Subject{Name: "alice", Stamp: "1"}
	_, _, err = tokens.Issue(context.Background(), alice, "registry.example.com", "docker")
	if err != nil {
		fmt.Println(err)
		return
	}
	request := httptest.NewRequest(http.MethodDelete, "/refresh-tokens?subject=alice", nil)
	request.SetBasicAuth("operator", password)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	fmt.Println(answer.Code, answer.Body)
	// Output:
	// 200 {"revoked":1}
}
