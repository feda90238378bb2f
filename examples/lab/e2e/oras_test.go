package e2e

import (
	"context"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/content/oci"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

func newORAS(t *testing.T, host string) *client {
	t.Helper()
	credentials := func(u user) *auth.Client {
		return &auth.Client{Credential: auth.StaticCredential(host, auth.Credential{Username: u.name, Password: u.password})}
	}
	registry := func(t *testing.T, u user) *remote.Registry {
		r := testkit.Must(remote.NewRegistry(host))(t)
		r.PlainHTTP, r.Client = true, credentials(u)
		return r
	}
	repository := func(t *testing.T, u user, ref string) *remote.Repository {
		r := testkit.Must(remote.NewRepository(ref))(t)
		r.PlainHTTP, r.Client = true, credentials(u)
		return r
	}
	return &client{
		login: func(t *testing.T, u user) error { return registry(t, u).Ping(t.Context()) },
		push: func(t *testing.T, u user, image v1.Image, ref string) error {
			source := testkit.Must(oci.New(layoutOf(t, image)))(t)
			target := repository(t, u, ref)
			_, err := oras.Copy(t.Context(), source, imageTag, target, target.Reference.Reference, oras.DefaultCopyOptions)
			return err
		},
		pull: func(t *testing.T, u user, ref string) (string, error) {
			source := repository(t, u, ref)
			descriptor, err := oras.Copy(t.Context(), source, source.Reference.Reference, memory.New(), "", oras.DefaultCopyOptions)
			return descriptor.Digest.String(), err
		},
		copy: func(t *testing.T, u user, from, to string) error {
			source, target := repository(t, u, from), repository(t, u, to)
			options := oras.DefaultCopyOptions
			options.MountFrom = func(context.Context, ocispec.Descriptor) ([]string, error) {
				return []string{source.Reference.Repository}, nil
			}
			_, err := oras.Copy(t.Context(), source, source.Reference.Reference, target, target.Reference.Reference, options)
			return err
		},
		catalog: func(t *testing.T, u user) (string, error) {
			var list []string
			err := registry(t, u).Repositories(t.Context(), "", func(page []string) error {
				list = append(list, page...)
				return nil
			})
			return strings.Join(list, "\n"), err
		},
		remove: func(t *testing.T, u user, ref string) error {
			r := repository(t, u, ref)
			descriptor, err := r.Resolve(t.Context(), r.Reference.Reference)
			if err != nil {
				return err
			}
			return r.Delete(t.Context(), descriptor)
		},
		reads: readings{
			login:         "incorrect username or password",
			pull:          "unauthorized: authentication required",
			push:          "401: Unauthorized",
			anonymousPush: "unauthorized: authentication required",
			catalog:       "unauthorized: authentication required",
		},
	}
}
