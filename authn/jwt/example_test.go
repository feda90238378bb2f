package jwt_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/jwt"
	"github.com/berthpass/registry-auth/token"
)

func ExampleNew() {
	provider := newProvider()
	server := httptest.NewServer(provider.handler)
	defer server.Close()
	provider.issuer = server.URL

	idp, err := jwt.New(jwt.Config{
		Issuer:   server.URL, // https://idp.example.com
		Audience: "registry.example.com",
		Subject: func(_ context.Context, c token.Claims) (authn.Subject, error) {
			return authn.Subject{Name: "idp/" + c.Subject, Data: c.Extra["groups"]}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	raw := provider.jwt(map[string]any{"groups": []string{"web"}})
	subject, err := idp.Authenticate(context.Background(), authn.Request{
		Username: "any", Password: authn.Secret(raw),
	})
	fmt.Println(subject.Name, subject.Data, err)
	// Output: idp/248289761001 [web] <nil>
}
