package e2e

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/regclient/regclient"
	"github.com/regclient/regclient/config"
	"github.com/regclient/regclient/types/ref"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

func newRegclient(t *testing.T, host string) *client {
	t.Helper()
	as := func(u user) *regclient.RegClient {
		return regclient.New(regclient.WithConfigHost(config.Host{
			Name: host, Hostname: host, TLS: config.TLSDisabled, User: u.name, Pass: u.password,
		}))
	}
	copyImage := func(t *testing.T, u user, from, to string) error {
		rc, source, target := as(u), testkit.Must(ref.New(from))(t), testkit.Must(ref.New(to))(t)
		defer rc.Close(t.Context(), source)
		defer rc.Close(t.Context(), target)
		return rc.ImageCopy(t.Context(), source, target)
	}
	return &client{
		login: func(t *testing.T, u user) error {
			_, err := as(u).Ping(t.Context(), testkit.Must(ref.NewHost(host))(t))
			return err
		},
		push: func(t *testing.T, u user, image v1.Image, to string) error {
			return copyImage(t, u, "ocidir://"+layoutOf(t, image)+":"+imageTag, to)
		},
		pull: func(t *testing.T, u user, from string) (string, error) {
			folder := "ocidir://" + t.TempDir() + ":" + imageTag
			if err := copyImage(t, u, from, folder); err != nil {
				return "", err
			}
			manifest, err := as(u).ManifestHead(t.Context(), testkit.Must(ref.New(folder))(t))
			if err != nil {
				return "", err
			}
			return manifest.GetDescriptor().Digest.String(), nil
		},
		copy: copyImage,
		catalog: func(t *testing.T, u user) (string, error) {
			list, err := as(u).RepoList(t.Context(), host)
			if err != nil {
				return "", err
			}
			return strings.Join(list.Repositories, "\n"), nil
		},
		remove: func(t *testing.T, u user, r string) error {
			return as(u).ManifestDelete(t.Context(), testkit.Must(ref.New(r))(t))
		},
		reads: readings{
			login:         "unauthorized",
			pull:          "unauthorized",
			push:          "unauthorized",
			anonymousPush: "unauthorized",
			catalog:       "unauthorized",
		},
	}
}
