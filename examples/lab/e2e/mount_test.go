package e2e

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

// TestMountOfWhatOneMayNotPull tries to get at somebody else's layer by its digest: the token holds
// the push to the own repository and not the pull from the other one, and the registry mounts
// nothing.
func TestMountOfWhatOneMayNotPull(t *testing.T) {
	for _, kind := range registryKinds() {
		t.Run(kind.name, func(t *testing.T) {
			tokens := startTokenServer(t)
			registry := kind.start(t, tokens)
			if registry.shares {
				return // it gives every layer to whoever may pull anything, as the comment of auth.Require says
			}
			private := testkit.Must(newImage(t).Layers())(t)[0]
			image := testkit.Must(mutate.AppendLayers(empty.Image, private))(t)
			put(t, registry.ref("bob/private", ":1"), image)

			// Alice claims to know the layer from bob's repository, where she has only its digest.
			stolen := testkit.Must(mutate.AppendLayers(empty.Image, &remote.MountableLayer{
				Layer:     private,
				Reference: testkit.Must(name.ParseReference(registry.ref("bob/private", ":1")))(t),
			}))(t)
			tokens.audit.take()
			registry.traffic.take()
			pushAs(t, alice, registry.ref("alice/app", ":1"), stolen)

			records, traffic := tokens.audit.take(), registry.traffic.take()
			if records.granted(alice, "bob/private", "pull") {
				t.Errorf("pull of the source was granted:%s", records)
			}
			if !traffic.triedToMount("alice/app") {
				t.Errorf("the client did not try:%v", traffic)
			}
			if n := traffic.mounted("alice/app", "bob/private"); n > 0 {
				t.Errorf("%d layers were mounted:%v", n, traffic)
			}
		})
	}
}

// pushAs pushes and does not mind whether it works out: a client may go on with an upload where it
// cannot mount.
func pushAs(t *testing.T, u user, ref string, image v1.Image) {
	t.Helper()
	if err := remote.Write(testkit.Must(name.ParseReference(ref))(t), image, remote.WithAuth(ggcrAuth(u))); err != nil {
		t.Logf("push: %v", err)
	}
}
