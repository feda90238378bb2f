package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"

	ggcr "github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// pushHello puts a small image into the public folder, so that there is something to pull without reaching for another
// registry. It goes in as any other, as a push of bob's, and so shows that both servers understand each other.
func pushHello(ctx context.Context, host string) error {
	ref, err := name.ParseReference(host+"/"+publicFolder+"/hello:1", name.Insecure)
	if err != nil {
		return err
	}
	image, err := helloImage()
	if err != nil {
		return fmt.Errorf("make the image %s: %w", ref, err)
	}
	credentials := &ggcr.Basic{Username: bob().name, Password: string(bob().password)}
	if err := remote.Write(ref, image, remote.WithContext(ctx), remote.WithAuth(credentials)); err != nil {
		return fmt.Errorf("push %s: %w", ref, err)
	}
	return nil
}

// helloImage is an image of one file. It is the same at each start.
func helloImage() (v1.Image, error) {
	archive, err := tarOf("hello.txt", "Hello from a registry with token authorization.\n")
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive)), nil
	})
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	return forThisPlatform(image)
}

func forThisPlatform(image v1.Image) (v1.Image, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	return mutate.ConfigFile(image, config)
}

func tarOf(name, text string) ([]byte, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}
