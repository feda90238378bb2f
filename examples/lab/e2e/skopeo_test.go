package e2e

import (
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
)

func newSkopeo(t *testing.T, host string) *client {
	t.Helper()
	p := newProgram(t, "skopeo", "apt-get install skopeo", func(t *testing.T, p *program, home string, u user) error {
		_, err := p.runIn(t, home, u.password, "login", "--tls-verify=false", "-u", u.name, "--password-stdin", host)
		return err
	})
	copyImage := func(t *testing.T, u user, from, to string) error {
		_, err := p.as(t, u, "--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", from, to)
		return err
	}
	return &client{
		login: p.tryLogin,
		push: func(t *testing.T, u user, image v1.Image, ref string) error {
			return copyImage(t, u, "oci:"+layoutOf(t, image)+":"+imageTag, "docker://"+ref)
		},
		pull: func(t *testing.T, u user, ref string) (string, error) {
			folder := t.TempDir()
			if err := copyImage(t, u, "docker://"+ref, "dir:"+folder); err != nil {
				return "", err
			}
			manifest, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
			return digest.FromBytes(manifest).String(), err
		},
		copy: func(t *testing.T, u user, from, to string) error {
			return copyImage(t, u, "docker://"+from, "docker://"+to)
		},
		remove: func(t *testing.T, u user, ref string) error {
			_, err := p.as(t, u, "delete", "--tls-verify=false", "docker://"+ref)
			return err
		},
		reads: readings{
			login:         "invalid username/password",
			pull:          "requested access to the resource is denied",
			push:          "requested access to the resource is denied",
			anonymousPush: "requested access to the resource is denied",
		},
	}
}
