package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
)

// A command is something to try. HOST stands for the registry's host and port.
type command struct {
	text    string
	refused bool // by the policy
}

// commands is what printWelcome prints. Docker, crane and the daemon behind docker speak plain http to localhost by
// themselves; the others must be told to.
func commands() []command {
	return []command{
		{text: `podman pull --tls-verify=false HOST/public/hello:1`},
		{text: `echo wonderland | docker login -u alice --password-stdin HOST`},
		{text: `skopeo copy --src-tls-verify=false --dest-tls-verify=false --dest-creds alice:wonderland docker://HOST/public/hello:1 docker://HOST/alice/app:1`},
		{text: `crane auth login -u alice -p wonderland HOST`},
		{text: `crane pull HOST/alice/app:1 app.tar`},
		{text: `crane push app.tar HOST/alice/app:2`},
		{text: `podman pull --tls-verify=false --creds bob:builder HOST/alice/app:1`, refused: true},
		{text: `regctl registry set --tls disabled HOST`},
		{text: `regctl registry login -u bob -p builder HOST`},
		{text: `regctl image copy HOST/public/hello:1 HOST/bob/app:1`},
		{text: `regctl image copy HOST/public/hello:1 HOST/alice/app:3`, refused: true},
	}
}

func (c command) forHost(host string) string { return strings.ReplaceAll(c.text, "HOST", host) }

// printWelcome says what is there and what to try.
func printWelcome(w io.Writer, host string, opts options) {
	images := "in memory, until the program ends"
	if opts.data != "" {
		images = "in the folder " + opts.data
	}
	fmt.Fprintf(w, "Registry and token server are at %s; images are kept %s.\n", host, images)
	printReach(w, host, opts.addr)
	fmt.Fprintf(w, `
  alice (password: %s) owns alice/*, bob (password: %s) owns bob/*: pull, push, delete
  public/* everybody may pull, without a login too; alice and bob may push

Try, in another terminal:

`, string(alice().password), string(bob().password))
	for _, c := range commands() {
		remark := ""
		if c.refused {
			remark = "   # refused"
		}
		fmt.Fprintf(w, "  %s%s\n", c.forHost(host), remark)
	}
	fmt.Fprintf(w, "\nCtrl-C ends it. What is decided:\n\n")
}

// printReach says who can reach the registry, when that is not just this machine.
func printReach(w io.Writer, host, addr string) {
	name, _, _ := net.SplitHostPort(host)
	ip, err := netip.ParseAddr(name)
	if loopback := name == "localhost" || err == nil && ip.IsLoopback(); loopback && !everywhere(addr) {
		return
	}
	fmt.Fprintln(w, "Others can reach it: the passwords are public, and the connection is not encrypted.")
	if everywhere(addr) {
		fmt.Fprintf(w, "Clients get their tokens at %s: to use it from another machine, start it with -addr and this machine's name.\n", host)
	}
}
