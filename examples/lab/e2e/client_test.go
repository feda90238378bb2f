package e2e

import (
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A client is one program or library that speaks to registries. A function that is nil is something
// it cannot do. The errors hold what a person at the terminal reads.
type client struct {
	// login checks the user's credentials, by the client's own means where it has one.
	login func(t *testing.T, u user) error
	push  func(t *testing.T, u user, image v1.Image, ref string) error
	// pull fetches the manifest and all blobs, and returns the manifest's digest.
	pull func(t *testing.T, u user, ref string) (digest string, err error)
	// copy copies an image that was pushed before to another repository of the same registry.
	copy    func(t *testing.T, u user, from, to string) error
	catalog func(t *testing.T, u user) (repositories string, err error)
	remove  func(t *testing.T, u user, ref string) error

	reads readings
}

// readings are what a person reads when something is refused. The words at a login are the token
// server's where the client shows them; the others are the registry's or the client's own.
type readings struct {
	login         string // with a wrong password
	pull          string // of what is private
	push          string // to somebody else's repository
	anonymousPush string
	catalog       string
}

// A clientKind is a client that can be made for a registry. Making it may skip the test when a
// program is not installed.
type clientKind struct {
	name string // a path component of repositories
	make func(t *testing.T, host string) *client
}

func clientKinds() []clientKind {
	return []clientKind{
		{"go-containerregistry", newGGCR},
		{"oras-go", newORAS},
		{"containerd", newContainerd},
		{"regclient", newRegclient},
		{"skopeo", newSkopeo},
		{"podman", newPodman},
		{"buildah", newBuildah},
		{"crane", newCrane},
		{"regctl", newRegctl},
		{"docker", newDocker},
	}
}
