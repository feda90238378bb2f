package e2e

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func newRegctl(t *testing.T, host string) *client {
	t.Helper()
	install := "go install github.com/regclient/regclient/cmd/regctl@v0.11.7"
	plainHTTP := func(t *testing.T, p *program, home string) {
		t.Helper()
		if _, err := p.runIn(t, home, "", "registry", "set", "--skip-check", "--tls", "disabled", host); err != nil {
			t.Fatal(err)
		}
	}
	p := newProgram(t, "regctl", install, func(t *testing.T, p *program, home string, u user) error {
		plainHTTP(t, p, home)
		_, err := p.runIn(t, home, u.password, "registry", "login", "-u", u.name, "--pass-stdin", host)
		return err
	})
	plainHTTP(t, p, p.home(t, nobody))
	return &client{
		login: p.tryLogin,
		push: func(t *testing.T, u user, image v1.Image, ref string) error {
			_, err := p.as(t, u, "image", "copy", "ocidir://"+layoutOf(t, image)+":"+imageTag, ref)
			return err
		},
		pull: func(t *testing.T, u user, ref string) (string, error) {
			folder := "ocidir://" + t.TempDir() + ":" + imageTag
			if _, err := p.as(t, u, "image", "copy", ref, folder); err != nil {
				return "", err
			}
			digest, err := p.as(t, u, "image", "digest", folder)
			return strings.TrimSpace(digest), err
		},
		copy: func(t *testing.T, u user, from, to string) error {
			_, err := p.as(t, u, "image", "copy", from, to)
			return err
		},
		catalog: func(t *testing.T, u user) (string, error) { return p.as(t, u, "repo", "ls", host) },
		remove: func(t *testing.T, u user, ref string) error {
			_, err := p.as(t, u, "manifest", "delete", ref)
			return err
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
