package e2e

import (
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

const helloRepository = "public/hello" // what startRegistry puts there for everybody

// newImage makes a small OCI image of two layers that no other test has.
func newImage(t *testing.T) v1.Image {
	t.Helper()
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	config := testkit.Must(image.ConfigFile())(t).DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	image = testkit.Must(mutate.ConfigFile(image, config))(t)
	for range 2 {
		layer := testkit.Must(random.Layer(1<<10, types.OCIUncompressedLayer))(t)
		image = testkit.Must(mutate.AppendLayers(image, layer))(t)
	}
	return image
}

func digestOf(t *testing.T, image v1.Image) string {
	t.Helper()
	return testkit.Must(image.Digest())(t).String()
}

// imageTag is the name of the image in the layout that layoutOf writes.
const imageTag = "latest"

// layoutOf writes the image to an OCI image layout, the form that programs and libraries read from
// disk.
func layoutOf(t *testing.T, image v1.Image) string {
	t.Helper()
	folder := filepath.Join(shortTempDir(t), "image") // podman wants lower case
	path := testkit.Must(layout.Write(folder, empty.Index))(t)
	err := path.AppendImage(image, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": imageTag}))
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// put pushes an image as bob, to prepare a test.
func put(t *testing.T, ref string, image v1.Image) {
	t.Helper()
	if err := remote.Write(testkit.Must(name.ParseReference(ref))(t), image, remote.WithAuth(ggcrAuth(bob))); err != nil {
		t.Fatal(err)
	}
}

// digestAt returns what the registry has at a reference as its owner sees it, or "" when there is
// nothing.
func digestAt(t *testing.T, owner user, ref string) string {
	t.Helper()
	descriptor, err := remote.Head(testkit.Must(name.ParseReference(ref))(t), remote.WithAuth(ggcrAuth(owner)))
	switch {
	case isNotFound(err):
		return ""
	case err != nil:
		t.Fatal(err)
	}
	return descriptor.Digest.String()
}
