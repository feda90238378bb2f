package doctor

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// trusted is what a distribution trusts.
type trusted struct {
	certificates []*x509.Certificate // of its bundle
	jwks         jose.JSONWebKeySet
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
		x.fix("issuer: the registry's configuration has none: "+
			"set %s to the token server's token.issuer", key)
	case x.sample == nil: // the token server issues nothing for this registry
	case expected != x.sample.issuer:
		x.fix("issuer: the registry expects %q and the tokens say %q: set %s to %q",
			expected, x.sample.issuer, key, x.sample.issuer)
	default:
		x.ok("issuer: %q", expected)
	}
}

// checkAutoRedirect looks at the realm that distribution makes from the request: "https" (or
// X-Forwarded-Proto), the Host header, and a path.
func (x *examination) checkAutoRedirect() {
	path := text(x.registry.options, "autoredirectpath")
	if path == "" {
		path = "/auth/token"
	}
	switch {
	case !x.registry.autoRedirect:
	case !slices.Contains(x.EndpointPaths, path):
		x.fix("autoredirect: it sends clients to %s of the registry's host, where the token "+
			"server does not answer: set auth.token.autoredirect to false, "+
			"or autoredirectpath (3.x) to %q", path, x.EndpointPaths[0])
	default:
		x.note("autoredirect: clients are sent to the host that their request names, not to the " +
			"realm; set auth.token.autoredirect to false unless one proxy answers for all names")
	}
}

// checkBundle reads rootcertbundle and looks for the signing key in it. It reports whether the
// other checks make sense.
func (x *examination) checkBundle(trust *trusted) bool {
	name, key := text(x.registry.options, "rootcertbundle"), x.registry.key("rootcertbundle")
	switch {
	case name == "" && x.sample != nil && x.sample.chain:
		x.fix("rootcertbundle: there is none, and as tokens carry the certificate (x5c), "+
			"distribution looks nowhere else: set %s to a file with the token server's certificate",
			key)
		return false
	case name == "" && text(x.registry.options, "jwks") == "":
		x.fix("rootcertbundle: there is neither one nor a jwks file: "+
			"set %s to a file with the token server's certificate", key)
		return false
	case name == "":
		return true
	}
	path, data, err := x.readFile(name)
	if err != nil {
		x.fix("rootcertbundle: %v: "+putCertificate+", or run this where the registry runs", err)
		return false
	}
	x.registry.options["rootcertbundle"] = path
	if trust.certificates, err = parseCertificates(data); err != nil {
		x.fix("rootcertbundle: %s: %v: "+putCertificate, name, err)
		return false
	}
	return x.sample == nil || x.checkBundleHasKey(trust.certificates, name)
}

const putCertificate = "put the token server's certificate there"

func (x *examination) checkBundleHasKey(bundle []*x509.Certificate, name string) bool {
	now := time.Now()
	hasKey := slices.ContainsFunc(bundle, func(c *x509.Certificate) bool {
		return samePublic(c.PublicKey, x.sample.key.Public())
	})
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	outdated := slices.IndexFunc(bundle, func(c *x509.Certificate) bool {
		return now.After(c.NotAfter) || now.Before(c.NotBefore)
	})
	kind := "certificate of the signing key"
	if x.sample.authority != nil {
		kind = "authority of the signing keys"
	}
	switch {
	case !x.sample.chain && hasKey:
		x.ok("rootcertbundle: %s has the signing key", name)
		return true
	case !x.sample.chain && text(x.registry.options, "jwks") != "":
		return true // the key may be there
	case x.sample.trustedBy(bundle):
		x.ok("rootcertbundle: %s has the %s", name, kind)
		return true
	case hasKey:
		x.fix("rootcertbundle: %s has another certificate of the signing key than the one that "+
			"tokens carry: add the token server's present certificate and restart the registry",
			name)
	case outdated >= 0:
		c := bundle[outdated]
		x.fix("rootcertbundle: %s has no valid certificate of the signing key, and %q in it is "+
			"for %s to %s: replace it with one that is valid now and restart the registry",
			name, c.Subject, day(c.NotBefore), day(c.NotAfter))
	default:
		x.fix("rootcertbundle: %s does not have the %s: "+
			"add the token server's certificate and restart the registry", name, kind)
	}
	return false
}

// checkJWKS reads the jwks file, where 3.x looks for the keys of tokens without x5c.
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
		x.fix("jwks: %v: put the token server's JWK set there, or remove auth.token.jwks", err)
		return false
	}
	x.registry.options["jwks"] = path
	switch {
	case x.sample == nil:
	case trust.inJWKS(x.sample):
		x.ok("jwks: %s has the signing key", name)
	case x.sample.chain:
		x.note("jwks: %s does not have the signing key, nor is it looked for there, "+
			"as tokens carry the certificate (x5c)", name)
	case trust.certificates == nil:
		x.fix("jwks: %s does not have the key %q: "+
			"add the token server's JWK set and restart the registry", name, x.sample.header.KeyID)
		return false
	}
	return true
}

func (t *trusted) inJWKS(s *sample) bool {
	return slices.ContainsFunc(t.jwks.Keys, func(k jose.JSONWebKey) bool {
		return k.KeyID == s.header.KeyID && samePublic(k.Public().Key, s.key.Public())
	})
}

// checkAlgorithms looks at signingalgorithms.
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
	x.fix("signingalgorithms: tokens are signed with %s, which is not among %s: "+
		"add %s to auth.token.signingalgorithms", own, strings.Trim(fmt.Sprint(list), "[]"), own)
	return false
}
