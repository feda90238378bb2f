package e2e

import (
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/examples/internal/testkit"
)

// The docker CLI logs in by itself; all else is done by its engine, which speaks as containerd's
// resolver does.
func newDocker(t *testing.T, host string) *client {
	t.Helper()
	return &client{
		login: newDockerProgram(t, host).tryLogin,
		reads: readings{
			login: "incorrect username or password",
		},
	}
}

func newDockerProgram(t *testing.T, host string) *program {
	t.Helper()
	return newProgram(t, "docker", "apt-get install docker.io", func(t *testing.T, p *program, home string, u user) error {
		_, err := p.runIn(t, home, u.password, "login", "-u", u.name, "--password-stdin", host)
		return err
	})
}

// TestDockerIdentityToken follows the refresh token that docker asks for at its login: docker keeps
// it in place of the password, and whoever reads docker's configuration, as crane does, goes on
// with it.
func TestDockerIdentityToken(t *testing.T) {
	tokens := startTokenServer(t)
	registry := startInProcess(t, tokens)
	docker, crane := newDockerProgram(t, registry.host), newCraneProgram(t, registry.host)
	image := newImage(t)
	put(t, registry.ref("bob/app", ":1"), image)

	home := shortTempDir(t)
	tokens.audit.take()
	if err := docker.logIn(t, home, bob); err != nil {
		t.Fatal(err)
	}
	records := tokens.audit.take()
	if len(records) != 1 || !records[0].RefreshTokenIssued || records[0].ClientID != "docker" {
		t.Errorf("want one login with a refresh token, got:%s", records)
	}
	stored := string(testkit.Must(os.ReadFile(home + "/docker/config.json"))(t))
	if !strings.Contains(stored, "identitytoken") || strings.Contains(stored, base64.StdEncoding.EncodeToString([]byte("bob:"+bob.password))) {
		t.Errorf("docker stored the password and no token: %s", stored)
	}

	got, err := crane.runIn(t, home, "", "digest", registry.ref("bob/app", ":1"))
	records = tokens.audit.take()
	if err != nil {
		t.Fatalf("%v%s", err, records)
	}
	if strings.TrimSpace(got) != digestOf(t, image) {
		t.Errorf("got digest %s, want %s", got, digestOf(t, image))
	}
	if len(records) != 1 || records[0].Credentials != "refresh_token" ||
		!records.granted(bob, "bob/app", "pull") {
		t.Errorf("want one request with the refresh token, got:%s", records)
	}
}
