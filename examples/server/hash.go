package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/term"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
)

const hashHelp = `
Reads a password, from the terminal without showing it or else the first line of the standard
input, and prints its hash for users in the configuration. The hash is argon2id, which docker_auth
does not read; --bcrypt makes one that it does.
`

const bcryptCost = 11

func (p *program) hash(flags *flag.FlagSet) action {
	useBcrypt := flags.Bool("bcrypt", false, "make a bcrypt hash")
	return func(context.Context, []string) error {
		secret, err := p.readPassword()
		switch {
		case err != nil:
			return err
		case secret == "":
			return password.ErrLength
		}
		var encoded authn.Secret
		if *useBcrypt {
			var hash []byte
			hash, err = bcrypt.GenerateFromPassword([]byte(secret), bcryptCost)
			encoded = authn.Secret(hash)
		} else {
			encoded, err = password.NewHash(secret)
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(p.stdout, string(encoded))
		return nil
	}
}

// readPassword asks for a password twice on a terminal, and else reads it once.
func (p *program) readPassword() (authn.Secret, error) {
	fd := int(p.stdin.Fd())
	if !term.IsTerminal(fd) {
		const maxLine = 4 << 10 // longer than any password that is accepted
		line, err := bufio.NewReader(io.LimitReader(p.stdin, maxLine)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return authn.Secret(strings.TrimRight(line, "\r\n")), nil
	}
	var answers [2]string
	for i, prompt := range []string{"Password: ", "Again: "} {
		fmt.Fprint(p.stderr, prompt)
		answer, err := term.ReadPassword(fd)
		fmt.Fprintln(p.stderr)
		if err != nil {
			return "", err
		}
		answers[i] = string(answer)
	}
	if answers[0] != answers[1] {
		return "", errors.New("the two passwords are not the same")
	}
	return authn.Secret(answers[0]), nil
}
