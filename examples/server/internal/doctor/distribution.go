package doctor

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// trusted is what a distribution trusts.
type trusted struct {
	bundlePath, jwksPath string // as found on this machine, "" where not configured
	certificates         []*x509.Certificate
	jwks                 jose.JSONWebKeySet
}

func (x *examination) examineDistribution() {
	x.checkIssuer()
	x.checkAutoRedirect()
	trust := &trusted{}
	bundle, jwks, algorithms := x.checkBundle(trust), x.checkJWKS(trust), x.checkAlgorithms()
	if bundle && jwks && algorithms && x.sample != nil {
		x.checkVersions(trust)
	}
}

func (x *examination) checkIssuer() {
	expected, key := text(x.registry.options, "issuer"), x.registry.key("issuer")
	switch {
	case expected == "":
		x.fix("issuer: the registry's configuration has none", "set %s to the token server's token.issuer", key)
	case x.sample == nil: // nobody knows which issuer it will be
	case expected != x.sample.issued:
		x.fix(fmt.Sprintf("issuer: the registry expects %q and the tokens say %q", expected, x.sample.issued),
			"set %s to %q", key, x.sample.issued)
	default:
		x.ok("issuer: %q", expected)
	}
}

// defaultAutoRedirectPath is where 2.8 always sends clients, and 3.x when nothing else is said.
const defaultAutoRedirectPath = "/auth/token"

// checkAutoRedirect looks at the realm that distribution makes from the request: "https" (or X-Forwarded-Proto), the Host
// header, and a path.
func (x *examination) checkAutoRedirect() {
	if on, _ := x.registry.options["autoredirect"].(bool); !on {
		return
	}
	path := text(x.registry.options, "autoredirectpath")
	if path == "" {
		path = defaultAutoRedirectPath
	}
	if !slices.Contains(x.EndpointPaths, path) {
		x.fix(fmt.Sprintf("autoredirect: it sends clients to %s of the registry's host, where the token server does not answer", path),
			"set auth.token.autoredirect to false, or autoredirectpath (3.x) to %q", x.EndpointPaths[0])
		return
	}
	x.note("autoredirect: clients are sent to the host that their request names, not to the realm; set auth.token.autoredirect to false unless one proxy answers for all names")
}

// checkBundle reads rootcertbundle and looks for the signing key in it. It reports whether the rest makes sense.
func (x *examination) checkBundle(trust *trusted) bool {
	name, key := text(x.registry.options, "rootcertbundle"), x.registry.key("rootcertbundle")
	carried := x.sample != nil && len(x.sample.chain) > 0
	switch {
	case name == "" && carried:
		x.fix("rootcertbundle: there is none, and as tokens carry the certificate (x5c), distribution looks nowhere else",
			"set %s to a file with the token server's certificate", key)
		return false
	case name == "" && text(x.registry.options, "jwks") == "":
		x.fix("rootcertbundle: there is neither one nor a jwks file", "set %s to a file with the token server's certificate", key)
		return false
	case name == "":
		return true
	}
	path, data, err := x.readFile(name)
	if err != nil {
		x.fix(fmt.Sprintf("rootcertbundle: %v", err), "put the token server's certificate there, or run this where the registry runs")
		return false
	}
	trust.bundlePath = path
	if trust.certificates, err = parseCertificates(data); err != nil {
		x.fix(fmt.Sprintf("rootcertbundle: %s: %v", name, err), "put the token server's certificate there")
		return false
	}
	return x.sample == nil || x.checkBundleHasKey(trust, name)
}

// parseCertificates reads PEM as distribution does: what is not a certificate does not matter.
func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(list)+1, err)
		}
		list = append(list, certificate)
	}
	if len(list) == 0 {
		return nil, errors.New("there is no certificate in it")
	}
	return list, nil
}

func (x *examination) checkBundleHasKey(trust *trusted, name string) bool {
	now := time.Now()
	own := slices.IndexFunc(trust.certificates, func(c *x509.Certificate) bool { return samePublic(c.PublicKey, x.sample.key.Public()) })
	outdated := slices.IndexFunc(trust.certificates, func(c *x509.Certificate) bool { return now.After(c.NotAfter) || now.Before(c.NotBefore) })
	_, err := x.trustedByChain(trust.certificates)
	switch {
	case len(x.sample.chain) == 0 && own >= 0:
		x.ok("rootcertbundle: %s has the signing key", name)
		return true
	case len(x.sample.chain) == 0 && text(x.registry.options, "jwks") != "":
		return true // the key may be there
	case err == nil && x.sample.authority != nil:
		x.ok("rootcertbundle: %s has the authority of the signing keys", name)
		return true
	case err == nil:
		x.ok("rootcertbundle: %s has the certificate of the signing key", name)
		return true
	case own >= 0:
		x.fix(fmt.Sprintf("rootcertbundle: %s has another certificate of the signing key than the one that tokens carry", name),
			"add the token server's present certificate and restart the registry")
	case outdated >= 0:
		c := trust.certificates[outdated]
		x.fix(fmt.Sprintf("rootcertbundle: %s has no valid certificate of the signing key, and %q in it is for %s to %s", name, c.Subject,
			c.NotBefore.UTC().Format(time.DateOnly), c.NotAfter.UTC().Format(time.DateOnly)),
			"replace it with one that is valid now and restart the registry")
	case x.sample.authority != nil:
		x.fix(fmt.Sprintf("rootcertbundle: %s does not have the authority of the signing keys", name),
			"add the token server's certificate and restart the registry")
	default:
		x.fix(fmt.Sprintf("rootcertbundle: %s does not have the certificate of the signing key", name),
			"add the token server's certificate and restart the registry")
	}
	return false
}

// trustedByChain finds the key as all versions of distribution do when a token has x5c.
func (x *examination) trustedByChain(certificates []*x509.Certificate) (crypto.PublicKey, error) {
	parsed, err := jose.ParseSignedCompact(x.sample.raw, algorithmsKnown())
	if err != nil {
		return nil, err
	}
	chains, err := parsed.Signatures[0].Header.Certificates(x509.VerifyOptions{
		Roots:     poolOf(certificates),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, err
	}
	return chains[0][0].PublicKey, nil
}

func poolOf(certificates []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, certificate := range certificates {
		pool.AddCert(certificate)
	}
	return pool
}

func samePublic(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(x crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

// checkJWKS reads the jwks file, which 3.x looks into for tokens without x5c.
func (x *examination) checkJWKS(trust *trusted) bool {
	name := text(x.registry.options, "jwks")
	if name == "" {
		return true
	}
	path, data, err := x.readFile(name)
	if err == nil {
		err = json.Unmarshal(data, &trust.jwks)
	}
	if err != nil {
		x.fix(fmt.Sprintf("jwks: %v", err), "put the token server's JWK set there, or remove auth.token.jwks")
		return false
	}
	trust.jwksPath = path
	switch {
	case x.sample == nil:
	case trust.inJWKS(x.sample):
		x.ok("jwks: %s has the signing key", name)
	case len(x.sample.chain) > 0:
		x.note("jwks: %s does not have the signing key, nor is it looked for there, as tokens carry the certificate (x5c)", name)
	case trust.bundlePath == "":
		x.fix(fmt.Sprintf("jwks: %s does not have the key %q", name, x.sample.keyID), "add the token server's JWK set and restart the registry")
		return false
	}
	return true
}

func (t *trusted) inJWKS(s *sample) bool {
	return slices.ContainsFunc(t.jwks.Keys, func(k jose.JSONWebKey) bool {
		return k.KeyID == s.keyID && samePublic(k.Public().Key, s.key.Public())
	})
}

// checkAlgorithms looks at signingalgorithms, which 3.x has and 2.8 ignores.
func (x *examination) checkAlgorithms() bool {
	list, _ := x.registry.options["signingalgorithms"].([]any)
	if len(list) == 0 || x.sample == nil {
		return true
	}
	own := string(x.sample.key.Algorithm())
	if slices.Contains(list, any(own)) {
		x.ok("signingalgorithms: %s is among them", own)
		return true
	}
	x.fix("signingalgorithms: tokens are signed with "+own+", which is not among "+strings.Trim(fmt.Sprint(list), "[]"),
		"add %s to auth.token.signingalgorithms", own)
	return false
}
