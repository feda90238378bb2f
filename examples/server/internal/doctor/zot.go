package doctor

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
)

// examineZot applies zot's rules. It knows one key, all algorithms, and neither iss nor aud. So it
// accepts every token of that key that is valid now.
func (x *examination) examineZot() {
	if x.sample == nil {
		return
	}
	x.checkSharedKey()
	name, key := x.registry.bearer.Cert, x.registry.key("cert")
	switch {
	case x.sample.authority != nil:
		x.fix("cert: zot knows one key, and the token server makes new ones below its authority: "+
			"give the service %q a certificate and key of its own, without authority",
			x.registry.service)
		return
	case len(x.registry.bearer.AWSSecretsManager) > 0:
		x.note("awsSecretsManager: it was not asked; the key must be there under the kid %q",
			x.sample.header.KeyID)
		return
	case name == "":
		x.fix("cert: there is none: set %s to a file with the token server's certificate", key)
		return
	}
	_, data, err := x.readFile(name)
	if err != nil {
		x.fix("cert: %v: "+putCertificate+", or run this where the registry runs", err)
		return
	}
	public, err := parsePublic(data)
	switch {
	case err != nil:
		x.fix("cert: %s: %v: "+putCertificate, name, err)
	case !samePublic(public, x.sample.key.Public()):
		x.fix("cert: the first certificate in %s is not that of the signing key: "+
			putCertificate+" and restart zot", name)
	default:
		x.ok("cert: %s has the signing key", name)
		x.ok("zot: a token made just now is accepted")
	}
}

// checkSharedKey finds services whose tokens are accepted by this registry too.
func (x *examination) checkSharedKey() {
	if x.Services == nil {
		x.note("zot checks neither aud nor iss: a token that the server issues for any service " +
			"opens it; list the services in token.services, with a key for each")
		return
	}
	var sharing []string
	for _, service := range x.Services {
		issuer := x.Issuer(service)
		if service != x.registry.service && issuer != nil &&
			issuer.KeySet().Signing().ID() == x.sample.key.ID() {
			sharing = append(sharing, service)
		}
	}
	slices.Sort(sharing)
	if len(sharing) > 0 {
		x.fix("zot checks neither aud nor iss, so that tokens for %s open it too: "+
			"give the service %q a key of its own", quoteAll(sharing), x.registry.service)
	}
}

// parsePublic reads the first PEM block as zot does: a certificate, whose dates do not matter to
// it, or a public key.
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
