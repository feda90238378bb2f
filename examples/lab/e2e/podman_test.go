package e2e

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func newPodman(t *testing.T, host string) *client {
	t.Helper()
	return newContainersProgram(t, "podman", host)
}

func newBuildah(t *testing.T, host string) *client {
	t.Helper()
	c := newContainersProgram(t, "buildah", host)
	c.catalog = nil // it has no search
	return c
}

// storage is where podman and buildah keep images: folders below the user's home, with the one
// driver that works everywhere.
type storage string

const (
	built  storage = "built"  // images that are pushed
	pulled storage = "pulled" // so that a pull finds nothing there already
)

func (s storage) flags(home string) []string {
	folder := home + "/" + string(s)
	return []string{"--storage-driver", "vfs", "--root", folder + "/root", "--runroot", folder + "/run"}
}

// newContainersProgram is for podman and buildah, which have the same commands.
func newContainersProgram(t *testing.T, name, host string) *client {
	t.Helper()
	p := newProgram(t, name, "apt-get install "+name, func(t *testing.T, p *program, home string, u user) error {
		login := []string{"login", "--tls-verify=false", "-u", u.name, "--password-stdin", host}
		_, err := p.runIn(t, home, u.password, append(built.flags(home), login...)...)
		return err
	})
	run := func(t *testing.T, u user, s storage, args ...string) (string, error) {
		output, err := p.as(t, u, append(s.flags(p.home(t, u)), args...)...)
		return strings.TrimSpace(output), err
	}
	return &client{
		login: p.tryLogin,
		push: func(t *testing.T, u user, image v1.Image, ref string) error {
			id, err := run(t, u, built, "pull", "-q", "oci:"+layoutOf(t, image)+":"+imageTag)
			if err != nil {
				t.Fatal(err)
			}
			_, err = run(t, u, built, "push", "--tls-verify=false", id, ref)
			return err
		},
		pull: func(t *testing.T, u user, ref string) (string, error) {
			if _, err := run(t, u, pulled, "pull", "-q", "--tls-verify=false", ref); err != nil {
				return "", err
			}
			return run(t, u, pulled, "images", "--digests", "--format", "{{.Digest}}", ref)
		},
		copy: func(t *testing.T, u user, from, to string) error {
			_, err := run(t, u, pulled, "push", "--tls-verify=false", from, to)
			return err
		},
		catalog: func(t *testing.T, u user) (string, error) {
			return run(t, u, built, "search", "--tls-verify=false", "--format", "{{.Name}}", host+"/")
		},
		reads: readings{
			login:         "invalid username/password",
			pull:          "requested access to the resource is denied",
			push:          "requested access to the resource is denied",
			anonymousPush: "requested access to the resource is denied",
			catalog:       "requested access to the resource is denied",
		},
	}
}
