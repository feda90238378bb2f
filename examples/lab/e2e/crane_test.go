package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

func newCrane(t *testing.T, host string) *client {
	t.Helper()
	p := newCraneProgram(t, host)
	return &client{
		login: func(t *testing.T, u user) error {
			// "crane auth login" only stores the credentials: the first request shows whether they are good.
			home := shortTempDir(t)
			if err := p.logIn(t, home, u); err != nil {
				return err
			}
			_, err := p.runIn(t, home, "", "ls", host+"/"+helloRepository)
			return err
		},
		push: func(t *testing.T, u user, image v1.Image, ref string) error {
			_, err := p.as(t, u, "push", layoutOf(t, image), ref)
			return err
		},
		pull: func(t *testing.T, u user, ref string) (string, error) {
			folder := filepath.Join(t.TempDir(), "image")
			if _, err := p.as(t, u, "pull", "--format", "oci", ref, folder); err != nil {
				return "", err
			}
			index := testkit.Must(layout.ImageIndexFromPath(folder))(t)
			return testkit.Must(index.IndexManifest())(t).Manifests[0].Digest.String(), nil
		},
		copy: func(t *testing.T, u user, from, to string) error {
			_, err := p.as(t, u, "copy", from, to)
			return err
		},
		catalog: func(t *testing.T, u user) (string, error) {
			list, err := p.as(t, u, "catalog", host)
			return strings.TrimSpace(list), err
		},
		remove: func(t *testing.T, u user, ref string) error {
			_, err := p.as(t, u, "delete", ref)
			return err
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

func newCraneProgram(t *testing.T, host string) *program {
	t.Helper()
	install := "go install github.com/google/go-containerregistry/cmd/crane@v0.22.1"
	return newProgram(t, "crane", install, func(t *testing.T, p *program, home string, u user) error {
		_, err := p.runIn(t, home, u.password, "auth", "login", "-u", u.name, "--password-stdin", host)
		return err
	})
}
