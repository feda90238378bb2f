package doctor

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/distribution/distribution/v3/registry/auth"
	distributiontoken "github.com/distribution/distribution/v3/registry/auth/token" // it registers its access controller
	jose "github.com/go-jose/go-jose/v4"
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
		return nil, fmt.Errorf("examine registry: the version %q is none of 2.8, 3.0 and 3.1", name)
	}
}

// checkVersions says which versions accept the token. What only some of them refuse is a note, unless the version is known.
func (x *examination) checkVersions(trust *trusted) {
	x.checkThumbprint(trust)
	controller, err := x.accessController(trust)
	if err != nil {
		x.fix("distribution: it does not start", "%v", err)
		return
	}
	var accepted []string
	refused := make(map[version]string)
	for _, v := range x.versions {
		if problem := x.keyProblem(v, trust); problem != "" {
			refused[v] = problem
		} else if x.fixes == 0 { // otherwise it is known that it is refused, and why
			if err := x.verdict(v, trust, controller); err != nil {
				refused[v] = err.Error()
				continue
			}
			accepted = append(accepted, string(v))
		}
	}
	for _, v := range x.versions {
		problem := refused[v]
		switch {
		case problem == "":
		case len(refused) < len(x.versions):
			x.note("distribution %s: %s", v, problem)
		default:
			what, change, _ := strings.Cut(problem, ": ")
			x.fix(fmt.Sprintf("distribution %s: %s", v, what), "%s", change)
		}
	}
	if len(accepted) > 0 {
		x.ok("distribution %s: a token made just now is accepted", strings.Join(accepted, ", "))
	}
}

// What to change when a version does not find the key.
const (
	needCertificate = "give the signing key a certificate (token.certificate) and add it to auth.token.rootcertbundle"
	needOtherKey    = "make an ES256 key (server keygen)"
)

// keyProblem says why a version does not find the key of the token, and what to change, or "".
func (x *examination) keyProblem(v version, trust *trusted) string {
	s := x.sample
	isEd25519 := func(c *x509.Certificate) bool { _, yes := c.PublicKey.(ed25519.PublicKey); return yes }
	byChain := len(s.chain) > 0
	switch {
	case v == v28 && trust.bundlePath == "":
		return "it does not read jwks: " + needCertificate
	case v == v28 && slices.ContainsFunc(trust.certificates, isEd25519):
		return "it does not start with an Ed25519 certificate in its bundle: " + needOtherKey
	case byChain, v != v28 && trust.inJWKS(s):
		return ""
	}
	for _, certificate := range trust.certificates {
		if samePublic(certificate.PublicKey, s.key.Public()) && v.keyID(s.key) == s.keyID {
			return ""
		}
	}
	return fmt.Sprintf("it does not find a key by the kid %q: %s", s.keyID, needCertificate)
}

// keyID is the kid that a version computes for a key of its bundle, or "" where it is one that no token has.
func (v version) keyID(key *token.Key) string {
	switch v {
	case v28:
		return key.LibtrustID()
	case v30:
		switch key.Public().(type) {
		case *ecdsa.PublicKey: // it takes the base point of the curve for the key
			return ""
		case ed25519.PublicKey:
			return ""
		}
	}
	return distributiontoken.GetJWKThumbprint(key.Public())
}

// checkThumbprint tells of a key for which 3.1 computes another kid: one with a leading zero byte in a coordinate.
func (x *examination) checkThumbprint(trust *trusted) {
	s := x.sample
	if _, ok := s.key.Public().(*ecdsa.PublicKey); ok && len(s.chain) > 0 && !trust.inJWKS(s) && v31.keyID(s.key) != s.key.ID() {
		x.note("key: a coordinate begins with a zero byte, so distribution finds it by x5c only and not by kid; to be safe, %s", needOtherKey)
	}
}

// verdict lets a version verify the token.
func (x *examination) verdict(v version, trust *trusted, controller auth.AccessController) error {
	if v == v31 || len(x.sample.chain) > 0 && v == v30 { // which then do the same
		return x.verdictOf(controller)
	}
	find := func(jose.Header) (crypto.PublicKey, error) {
		if len(x.sample.chain) > 0 {
			return x.trustedByChain(trust.certificates)
		}
		return x.sample.key.Public(), nil // keyProblem saw that it is found
	}
	return rules{
		algorithms: v.algorithms(),
		leeway:     time.Minute,
		issuer:     text(x.registry.options, "issuer"),
		service:    x.registry.service,
	}.check(x.sample.raw, find, time.Now())
}

func (v version) algorithms() []jose.SignatureAlgorithm {
	if v == v28 {
		return []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.ES256, jose.ES384, jose.ES512}
	}
	return algorithmsKnown()
}

// accessController is distribution's own, made from the registry's own options.
func (x *examination) accessController(trust *trusted) (auth.AccessController, error) {
	options := maps.Clone(x.registry.options)
	if trust.bundlePath != "" {
		options["rootcertbundle"] = trust.bundlePath
	}
	if trust.jwksPath != "" {
		options["jwks"] = trust.jwksPath
	}
	return auth.GetAccessController("token", options)
}

// verdictOf lets distribution's access controller verify the token.
func (x *examination) verdictOf(controller auth.AccessController) error {
	level := logrus.GetLevel() // it writes why to its log, which is that of this program
	logrus.SetLevel(logrus.ErrorLevel)
	defer logrus.SetLevel(level)

	request, err := http.NewRequest(http.MethodGet, "/", http.NoBody) //nolint:noctx // it is not sent
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+x.sample.raw)
	_, err = controller.Authorized(request,
		auth.Access{Resource: auth.Resource{Type: "registry", Name: "catalog"}, Action: "*"},
		auth.Access{Resource: auth.Resource{Type: "repository", Name: probeRepository}, Action: "pull"})
	if err != nil {
		return fmt.Errorf("it refuses a token made just now: %w", err)
	}
	return nil
}
