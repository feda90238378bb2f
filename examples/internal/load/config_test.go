package load

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestConfig(t *testing.T) {
	for want, spoil := range map[string]func(*Config){
		"":                    func(*Config) {},
		"the URL has to be":   func(c *Config) { c.URL = "localhost:5001/token" },
		"without user":        func(c *Config) { c.URL = "http://alice:secret@localhost/token" },
		"no service":          func(c *Config) { c.Service = "" },
		"up to 1h":            func(c *Config) { c.Duration = 2 * time.Hour },
		"the time is":         func(c *Config) { c.Duration = 0 },
		"no groups":           func(c *Config) { c.Groups = nil },
		"no clients":          func(c *Config) { c.Groups[0].Clients = 0 },
		"10001 connections":   func(c *Config) { c.Groups[0].Clients = MaxConnections + 1 },
		`there is no kind "x`: func(c *Config) { c.Groups[0].Kind = "x" },
		"no users":            func(c *Config) { c.Groups[0].Kind = Login },
		"a negative":          func(c *Config) { c.Groups[0].Rate = -1 },
		"has rounds":          func(c *Config) { c.Groups[0].Rounds, c.WarmUp = 1, time.Second },
		"a negative number":   func(c *Config) { c.Timeout = -1 },
	} {
		c := config("http://127.0.0.1:1/token", Group{Kind: Anonymous})
		spoil(&c)
		_, err := c.withDefaults()
		if want == "" && err != nil || want != "" && (!errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", want, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error has a password: %v", err)
		}
	}
}

func TestRemoteIsRefused(t *testing.T) {
	for at, refused := range map[string]bool{
		"http://127.0.0.1:1/token":          false,
		"http://[::1]:1/token":              false,
		"http://[::ffff:127.0.0.1]:1/token": false,
		"http://192.0.2.1/token":            true,
		"http://0.0.0.0/token":              true,
		"http://[2001:db8::1]/token":        true,
	} {
		c := config(at, Group{Kind: Anonymous, Rounds: 1})
		if _, err := Run(t.Context(), c); errors.Is(err, ErrRemote) != refused {
			t.Errorf("%s: %v", at, err)
		}
		c.RemoteAllowed = true
		if err := c.checkTarget(t.Context()); err != nil {
			t.Errorf("%s, allowed: %v", at, err)
		}
	}
}

// TestRemoteIsNotDialled: a name that has another address when it is dialled than when it was checked helps nobody.
func TestRemoteIsNotDialled(t *testing.T) {
	for address, refused := range map[string]bool{"127.0.0.1:80": false, "[::1]:80": false, "192.0.2.1:80": true, "[fe80::1%eth0]:80": true} {
		if err := onlyLoopback("tcp", address, nil); errors.Is(err, ErrRemote) != refused {
			t.Errorf("%s: %v", address, err)
		}
	}
	c := config("http://192.0.2.1/token", Group{Kind: Anonymous})
	g := Group{Kind: Anonymous, Clients: 1, Connections: 1}
	made, err := newGroup(&run{config: c}, g)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := do(made.transports[0], made.writer.get(t.Context(), newHeader(nil), 0), nil); !errors.Is(err, ErrRemote) {
		t.Errorf("dialled: %v", err)
	}
}
