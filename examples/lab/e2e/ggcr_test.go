package e2e

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

func newGGCR(t *testing.T, host string) *client {
	t.Helper()
	with := func(t *testing.T, u user) []remote.Option {
		return []remote.Option{remote.WithContext(t.Context()), remote.WithAuth(ggcrAuth(u))}
	}
	return &client{
		login: func(t *testing.T, u user) error {
			// It has no login of its own: the first request shows whether the credentials are good.
			_, err := remote.List(testkit.Must(name.NewRepository(host+"/"+helloRepository))(t), with(t, u)...)
			return err
		},
		push: func(t *testing.T, u user, image v1.Image, ref string) error {
			return remote.Write(testkit.Must(name.ParseReference(ref))(t), image, with(t, u)...)
		},
		pull: func(t *testing.T, u user, ref string) (string, error) {
			image, err := remote.Image(testkit.Must(name.ParseReference(ref))(t), with(t, u)...)
			if err != nil {
				return "", err
			}
			return digestOf(t, image), validate.Image(image) // reads all layers
		},
		copy: func(t *testing.T, u user, from, to string) error {
			image, err := remote.Image(testkit.Must(name.ParseReference(from))(t), with(t, u)...)
			if err != nil {
				return err
			}
			return remote.Write(testkit.Must(name.ParseReference(to))(t), image, with(t, u)...)
		},
		catalog: func(t *testing.T, u user) (string, error) {
			list, err := remote.Catalog(t.Context(), testkit.Must(name.NewRegistry(host))(t), with(t, u)...)
			return strings.Join(list, "\n"), err
		},
		remove: func(t *testing.T, u user, ref string) error {
			return remote.Delete(testkit.Must(name.ParseReference(ref))(t), with(t, u)...)
		},
		reads: readings{
			login:         "incorrect username or password",
			pull:          "UNAUTHORIZED: authentication required",
			push:          "401 Unauthorized",
			anonymousPush: "UNAUTHORIZED: authentication required",
			catalog:       "UNAUTHORIZED: authentication required",
		},
	}
}

func ggcrAuth(u user) authn.Authenticator {
	if u == nobody {
		return authn.Anonymous
	}
	return &authn.Basic{Username: u.name, Password: u.password}
}

func isNotFound(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}
