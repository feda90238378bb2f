package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/distribution/distribution/v3/configuration"
	_ "github.com/distribution/distribution/v3/registry/auth/token" // the "token" of configuration.Auth
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem" // the drivers of configuration.Storage
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
	"github.com/sirupsen/logrus"
)

// A registryConfig is what a registry with token authorization must know.
type registryConfig struct {
	realm   string // URL of the token server, for the challenge
	service string // the registry's name for itself: the tokens' audience
	issuer  string // the token server's name for itself
	bundle  []byte // certificates of the keys that sign tokens, PEM
	data    string // folder for the images; memory when empty
}

// newRegistry starts distribution's registry; its background work ends with ctx.
func newRegistry(ctx context.Context, cfg registryConfig) (http.Handler, error) {
	logrus.SetOutput(io.Discard) // distribution logs to logrus's global logger; here the decisions are what one wants to see

	folder, err := os.MkdirTemp("", "quickstart-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the certificates: %w", err)
	}
	defer os.RemoveAll(folder)                           // distribution reads the bundle once, at its start
	bundleFile := filepath.Join(folder, "rootcerts.pem") // and it reads it from a file only
	if err := os.WriteFile(bundleFile, cfg.bundle, 0o600); err != nil {
		return nil, fmt.Errorf("write the certificates: %w", err)
	}

	config := &configuration.Configuration{
		Storage: storage(cfg.data),
		Auth: configuration.Auth{"token": configuration.Parameters{
			"realm":          cfg.realm,
			"service":        cfg.service,
			"issuer":         cfg.issuer,
			"rootcertbundle": bundleFile,
		}},
	}
	return newApp(ctx, config)
}

func storage(folder string) configuration.Storage {
	config := configuration.Storage{
		"delete": configuration.Parameters{"enabled": true},
	}
	if folder == "" {
		config["inmemory"] = configuration.Parameters{}
	} else {
		config["filesystem"] = configuration.Parameters{"rootdirectory": folder}
	}
	return config
}

// newApp is handlers.NewApp with its panics, which are how it reports a bad configuration, made errors.
func newApp(ctx context.Context, config *configuration.Configuration) (app http.Handler, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			app, err = nil, fmt.Errorf("start the registry: %v", cause)
		}
	}()
	return handlers.NewApp(ctx, config), nil
}

// prepareFolder makes the folder for the images and finds out, now rather than at the first push, whether it can be written.
func prepareFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	probe, err := os.CreateTemp(folder, ".quickstart-")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}
