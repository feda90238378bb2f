package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/examples/internal/load"
	"github.com/berthpass/registry-auth/token"
)

const (
	serviceName = "registry.example.com"
	issuerName  = "auth.example.com"
)

// A configuration is that of a server, of which a few things differ.
type configuration struct {
	server, token string // settings of these sections
	users         []account
	more          string // sections
	script        string // a program beside the configuration, as "program.sh"
	files         map[string][]byte
	flags         []string
	operators     string // where it says whether it is ready, if not at its own address
}

// An account is a user with the hash of the password.
type account struct {
	load.User
	hash string
}

// Two rules, as the limits of other servers were measured with.
const rules = `acl:
  - {match: {name: "public/*"}, actions: [pull]}
  - {match: {account: "/.+/", name: "${account}/*"}, actions: ["*"]}
`

// write makes the files of a server in a folder.
func (c *configuration) write(folder, address string) error {
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		return err
	}
	private, err := key.PrivateKeyPEM()
	if err != nil {
		return err
	}
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "server: {addr: %q, max_connections: 20000%s}\n", address, following(c.server))
	_, _ = fmt.Fprintf(&text, "token: {issuer: %q, expiration: 300, certificate: token.crt, key: token.key, services: [%q]%s}\n", issuerName, serviceName, following(c.token))
	text.WriteString("users:\n  \"\": {}\n")
	for _, u := range c.users {
		_, _ = fmt.Fprintf(&text, "  %q: {password: %q}\n", u.Name, u.hash)
	}
	text.WriteString(rules + c.more)
	files := map[string][]byte{
		"token.key": private, "token.crt": key.CertificatePEM(), "config.yml": []byte(text.String()), "program.sh": []byte("#!/bin/sh\n" + c.script),
	}
	maps.Copy(files, c.files)
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o700); err != nil { //nolint:gosec // one of them is a program
			return err
		}
	}
	return nil
}

func following(setting string) string {
	if setting == "" {
		return ""
	}
	return ", " + setting
}

// The costs of hashes. Where passwords are to be remembered, their hash is of no interest, and thousands have to be checked before.
const (
	cheap = 5 // the least that is accepted
	usual = bcrypt.DefaultCost
)

// newAccounts makes users, who share a password, since making a hash takes as long as checking one.
func newAccounts(prefix string, count, cost int) ([]account, error) {
	const password = "the password of a user"
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return nil, err
	}
	list := make([]account, count)
	for i := range list {
		list[i] = account{load.User{Name: fmt.Sprintf("%s%d", prefix, i), Password: password}, string(hash)}
	}
	return list, nil
}

// usersOf are the accounts as the load generator knows them.
func usersOf(accounts []account) []load.User {
	list := make([]load.User, len(accounts))
	for i, a := range accounts {
		list[i] = a.User
	}
	return list
}

// publicScopes are what anybody may pull.
func publicScopes() []string {
	const images = 20
	list := make([]string, images)
	for i := range list {
		list[i] = fmt.Sprintf("repository:public/image%d:pull", i)
	}
	return list
}
