package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

// containerd's resolver is what pulls and pushes for nerdctl, Kubernetes and newer docker engines.
func newContainerd(t *testing.T, host string) *client {
	t.Helper()
	login := func(t *testing.T, u user) error {
		// It has no login of its own: the first request shows whether the credentials are good.
		_, _, err := containerdResolver(u).Resolve(t.Context(), host+"/"+helloRepository+":1")
		return err
	}
	copyImage := func(t *testing.T, u user, from, to string) error {
		image, err := containerdPull(t.Context(), containerdResolver(u), from)
		if err != nil {
			return err
		}
		_, path, _ := strings.Cut(from, "/")
		source, _, _ := strings.Cut(path, ":")
		return containerdPush(t.Context(), containerdResolver(u), to, image, source)
	}
	return &client{
		login: login,
		push: func(t *testing.T, u user, image v1.Image, ref string) error {
			return containerdPush(t.Context(), containerdResolver(u), ref, blobsOf(t, image), "")
		},
		pull: func(t *testing.T, u user, ref string) (string, error) {
			image, err := containerdPull(t.Context(), containerdResolver(u), ref)
			if err != nil {
				return "", err
			}
			return image[len(image)-1].descriptor.Digest.String(), nil
		},
		copy: copyImage,
		reads: readings{
			login:         "401 Unauthorized",
			pull:          "insufficient_scope",
			push:          "insufficient_scope",
			anonymousPush: "insufficient_scope",
		},
	}
}

// TestContainerdWrongPassword: containerd posts the password first and, refused, tries the same
// with GET. A token server that counts wrong passwords counts two.
func TestContainerdWrongPassword(t *testing.T) {
	tokens := startTokenServer(t)
	registry := startInProcess(t, tokens)
	put(t, registry.ref(helloRepository, ":1"), newImage(t))
	for name, test := range map[string]struct {
		password    string
		credentials []string
	}{
		"right": {alice.password, []string{"password"}},
		"wrong": {"rabbit", []string{"password", "basic"}},
	} {
		t.Run(name, func(t *testing.T) {
			tokens.audit.take()
			_, _, err := containerdResolver(user{alice.name, test.password}).Resolve(t.Context(), registry.ref(helloRepository, ":1"))
			if (err == nil) != (name == "right") {
				t.Errorf("got error %v", err)
			}
			var credentials []string
			records := tokens.audit.take()
			for _, record := range records {
				credentials = append(credentials, record.Credentials)
			}
			if !slices.Equal(credentials, test.credentials) {
				t.Errorf("want the credentials %v, got:%s", test.credentials, records)
			}
		})
	}
}

func containerdResolver(u user) remotes.Resolver {
	authorizer := docker.NewDockerAuthorizer(docker.WithAuthCreds(func(string) (string, string, error) {
		return u.name, u.password, nil
	}))
	return docker.NewResolver(docker.ResolverOptions{
		Hosts: docker.ConfigureDefaultRegistries(docker.WithAuthorizer(authorizer), docker.WithPlainHTTP(docker.MatchLocalhost)),
	})
}

// A blob is a part of an image. The manifest comes last.
type blob struct {
	descriptor ocispec.Descriptor
	content    []byte
}

func blobsOf(t *testing.T, image v1.Image) []blob {
	t.Helper()
	newBlob := func(mediaType string, content []byte) blob {
		return blob{ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}, content}
	}
	var blobs []blob
	for _, layer := range testkit.Must(image.Layers())(t) {
		reader := testkit.Must(layer.Compressed())(t)
		content := testkit.Must(io.ReadAll(reader))(t)
		reader.Close()
		blobs = append(blobs, newBlob(ocispec.MediaTypeImageLayer, content))
	}
	blobs = append(blobs, newBlob(ocispec.MediaTypeImageConfig, testkit.Must(image.RawConfigFile())(t)))
	return append(blobs, newBlob(ocispec.MediaTypeImageManifest, testkit.Must(image.RawManifest())(t)))
}

// containerdPush pushes the blobs. A repository to mount from is named by an annotation, as
// containerd's own push does.
func containerdPush(ctx context.Context, resolver remotes.Resolver, ref string, blobs []blob, mountFrom string) error {
	pusher, err := resolver.Pusher(ctx, ref)
	if err != nil {
		return err
	}
	for _, b := range blobs {
		descriptor := b.descriptor
		if mountFrom != "" {
			descriptor.Annotations = map[string]string{"containerd.io/distribution.source.localhost": mountFrom}
		}
		writer, err := pusher.Push(ctx, descriptor)
		if errdefs.IsAlreadyExists(err) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = writer.Write(b.content)
		if err == nil {
			err = writer.Commit(ctx, descriptor.Size, descriptor.Digest)
		}
		if err = errors.Join(err, writer.Close()); err != nil {
			return err
		}
	}
	return nil
}

func containerdPull(ctx context.Context, resolver remotes.Resolver, ref string) ([]blob, error) {
	name, manifest, err := resolver.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	fetcher, err := resolver.Fetcher(ctx, name)
	if err != nil {
		return nil, err
	}
	fetch := func(descriptor ocispec.Descriptor) (blob, error) {
		reader, err := fetcher.Fetch(ctx, descriptor)
		if err != nil {
			return blob{}, err
		}
		content, err := io.ReadAll(reader)
		return blob{descriptor, content}, errors.Join(err, reader.Close())
	}
	manifestBlob, err := fetch(manifest)
	if err != nil {
		return nil, err
	}
	var parts ocispec.Manifest
	if err := json.Unmarshal(manifestBlob.content, &parts); err != nil {
		return nil, err
	}
	var blobs []blob
	for _, descriptor := range append(parts.Layers, parts.Config) {
		b, err := fetch(descriptor)
		if err != nil {
			return nil, err
		}
		blobs = append(blobs, b)
	}
	return append(blobs, manifestBlob), nil
}
