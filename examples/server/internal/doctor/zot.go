package doctor

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// examineZot applies zot's rules: one key, no leeway, and neither iss nor aud.
func (x *examination) examineZot() {
	if x.sample == nil {
		return
	}
	x.checkSharedKey()
	name, key := text(x.registry.options, "cert"), x.registry.key("cert")
	switch {
	case x.sample.authority != nil:
		x.fix("cert: zot knows one key, and the token server makes new ones below its authority",
			"give the service %q a certificate and key of its own, without authority", x.registry.service)
		return
	case len(optional(x.registry.options, "awssecretsmanager")) > 0:
		x.note("awsSecretsManager: it was not asked; the key must be there under the kid %q", x.sample.keyID)
		return
	case name == "":
		x.fix("cert: there is none", "set %s to a file with the token server's certificate", key)
		return
	}
	_, data, err := x.readFile(name)
	if err != nil {
		x.fix(fmt.Sprintf("cert: %v", err), "put the token server's certificate there, or run this where the registry runs")
		return
	}
	public, err := parsePublic(data)
	switch {
	case err != nil:
		x.fix(fmt.Sprintf("cert: %s: %v", name, err), "put the token server's certificate there")
	case !samePublic(public, x.sample.key.Public()):
		x.fix(fmt.Sprintf("cert: the first certificate in %s is not that of the signing key", name),
			"put the token server's certificate there and restart zot")
	default:
		x.ok("cert: %s has the signing key", name)
		x.verdictOfZot(public)
	}
}

func (x *examination) verdictOfZot(public crypto.PublicKey) {
	find := func(jose.Header) (crypto.PublicKey, error) { return public, nil }
	if err := (rules{algorithms: algorithmsKnown(), issuedInPast: true}).check(x.sample.raw, find, time.Now()); err != nil {
		x.fix("zot: it refuses a token made just now", "%v", err)
		return
	}
	x.ok("zot: a token made just now is accepted")
}

// checkSharedKey tells when tokens for other services open this registry too.
func (x *examination) checkSharedKey() {
	if x.Services == nil {
		x.note("zot checks neither aud nor iss: a token that the server issues for any service opens it; list the services in token.services, with a key for each")
		return
	}
	var sharing []string
	for _, service := range x.Services {
		issuer := x.Issuer(service)
		if service == x.registry.service || issuer == nil {
			continue
		}
		if signing := issuer.KeySet().Signing(); signing != nil && signing.ID() == x.sample.key.ID() {
			sharing = append(sharing, service)
		}
	}
	slices.Sort(sharing)
	if len(sharing) > 0 {
		x.fix("zot checks neither aud nor iss, so that tokens for "+quoteAll(sharing)+" open it too",
			"give the service %q a key of its own", x.registry.service)
	}
}

// parsePublic reads the first PEM block, as zot does: a certificate, whose dates do not matter to it, or a public key.
func parsePublic(data []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("there is no certificate in it")
	}
	if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
		return certificate.PublicKey, nil
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("neither a certificate nor a public key")
	}
	return public, nil
}
