package doctor

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/distribution/distribution/v3/registry/auth"
	// It registers its access controller.
	distribution "github.com/distribution/distribution/v3/registry/auth/token"
	"github.com/sirupsen/logrus"

	"github.com/berthpass/registry-auth/token"
)

// A version of distribution. They differ in how they find the key of a token.
type version string

const (
	v28 version = "2.8"
	v30 version = "3.0"
	v31 version = "3.1"
)

func versionsOf(name string) ([]version, error) {
	all := []version{v28, v30, v31}
	switch {
	case name == "":
		return all, nil
	case slices.Contains(all, version(name)):
		return []version{version(name)}, nil
	default:
		return nil, fmt.Errorf("the version %q of the registry is none of 2.8, 3.0 and 3.1", name)
	}
}

// checkVersions says which versions accept the token. It is a note if only some refuse it, unless
// the version is known.
func (x *examination) checkVersions(trust *trusted) {
	x.checkThumbprint(trust)
	controller, err := auth.GetAccessController("token", x.registry.options)
	if err != nil {
		x.fix("distribution: it does not start: %v", err)
		return
	}
	var accepted, refused []string // refused has why
	for _, v := range x.versions {
		problem := x.keyProblem(v, trust)
		// What was to fix before is why the token is refused, and has been said.
		if problem == "" && x.fixes == 0 && (v == v31 || x.sample.chain) {
			problem = x.verdict(controller)
		}
		switch {
		case problem != "":
			refused = append(refused, fmt.Sprintf("distribution %s: %s", v, problem))
		case x.fixes == 0:
			accepted = append(accepted, string(v))
		}
	}
	for _, problem := range refused {
		if len(refused) < len(x.versions) {
			x.note("%s", problem)
		} else {
			x.fix("%s", problem)
		}
	}
	if len(accepted) > 0 {
		x.ok("distribution %s: a token made just now is accepted", strings.Join(accepted, ", "))
	}
}

// What to change when a version does not find the key.
const (
	needCertificate = "give the signing key a certificate (token.certificate) " +
		"and add it to auth.token.rootcertbundle"
	needOtherKey = "make an ES256 key (server keygen)"
)

// keyProblem says why a version does not find the key of the token, and what to change, or "".
func (x *examination) keyProblem(v version, trust *trusted) string {
	s := x.sample
	_, signsEd25519 := s.key.Public().(ed25519.PublicKey)
	isEd25519 := func(c *x509.Certificate) bool { return c.PublicKeyAlgorithm == x509.Ed25519 }
	isFound := func(c *x509.Certificate) bool {
		return samePublic(c.PublicKey, s.key.Public()) && v.keyID(s.key) == s.header.KeyID
	}
	switch {
	case v == v28 && trust.certificates == nil:
		return "it does not read jwks: " + needCertificate
	case v == v28 && slices.ContainsFunc(trust.certificates, isEd25519):
		return "it does not start with an Ed25519 certificate in its bundle: " + needOtherKey
	case v == v28 && s.chain && signsEd25519:
		return "it does not know the algorithm of the key: " + needOtherKey
	case s.chain, v != v28 && trust.inJWKS(s), slices.ContainsFunc(trust.certificates, isFound):
		return ""
	}
	return fmt.Sprintf("it does not find a key by the kid %q: %s", s.header.KeyID, needCertificate)
}

// keyID is the kid that a version computes for a key of its bundle, or "" if no token has it: of
// keys on a curve, 3.0 computes it wrongly.
func (v version) keyID(key *token.Key) string {
	if v == v28 {
		return key.LibtrustID()
	}
	if v == v30 && key.Algorithm() != token.RS256 {
		return ""
	}
	return distribution.GetJWKThumbprint(key.Public())
}

// checkThumbprint finds a key for which 3.1 computes another kid: one with a leading zero byte in a
// coordinate.
func (x *examination) checkThumbprint(trust *trusted) {
	s := x.sample
	_, onCurve := s.key.Public().(*ecdsa.PublicKey)
	if onCurve && s.chain && !trust.inJWKS(s) && v31.keyID(s.key) != s.key.ID() {
		x.note("key: a coordinate begins with a zero byte, so distribution finds it by x5c only "+
			"and not by kid; to be safe, %s", needOtherKey)
	}
}

// verdict lets distribution's access controller, that of 3.1, verify the token. It returns why it
// is refused, or "". With x5c, the other versions do the same.
func (x *examination) verdict(controller auth.AccessController) string {
	level := logrus.GetLevel() // the controller logs why
	logrus.SetLevel(logrus.ErrorLevel)
	defer logrus.SetLevel(level)

	request := &http.Request{Header: http.Header{"Authorization": {"Bearer " + x.sample.raw}}}
	catalog := auth.Resource{Type: "registry", Name: "catalog"}
	probe := auth.Resource{Type: "repository", Name: probeRepository}
	_, err := controller.Authorized(request,
		auth.Access{Resource: catalog, Action: "*"}, auth.Access{Resource: probe, Action: "pull"})
	if err != nil {
		return fmt.Sprintf("it refuses a token made just now: %v", err)
	}
	return ""
}
