package section

import (
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/berthpass/registry-auth/examples/server/internal/conf"
)

// TLS is how connections are encrypted.
type TLS struct {
	Certificate      *tls.Certificate // nil with LetsEncrypt
	LetsEncrypt      *LetsEncrypt
	MinVersion       uint16
	CurvePreferences []tls.CurveID
	CipherSuites     []uint16
}

// LetsEncrypt is how certificates are fetched.
type LetsEncrypt struct {
	Email, Host, CacheDir string
}

// tlsSettings are the keys of docker_auth, as they are read.
type tlsSettings struct {
	TLS

	suitesAt      conf.Place
	suitesGiven   bool
	letsEncryptAt conf.Place
}

func (t *tlsSettings) fields() []conf.Field {
	t.MinVersion = tls.VersionTLS12
	return []conf.Field{
		conf.Func("tls_min_version", func(n *conf.Node) { t.MinVersion = tlsVersion(n) }).AtStart(),
		conf.Func("tls_curve_preferences", t.curves).AtStart(),
		conf.Func("tls_cipher_suites", t.suites).AtStart(),
		conf.Func("letsencrypt", t.letsEncrypt).AtStart(),
	}
}

// build returns the encryption, or nil without a certificate.
func (t *tlsSettings) build(s *Server) *TLS {
	if t.suitesGiven && t.MinVersion == tls.VersionTLS13 {
		t.suitesAt.Warnf("tls_cipher_suites means nothing with tls_min_version TLS13: " +
			"the suites of TLS 1.3 cannot be chosen")
	}
	ownCertificate := s.certificate.path != "" || s.key.path != ""
	switch {
	case ownCertificate && t.LetsEncrypt != nil:
		t.letsEncryptAt.Errorf("server.letsencrypt and server.certificate are two sources " +
			"of the same certificate: give one of them")
	case !ownCertificate && t.LetsEncrypt == nil:
		return nil
	}
	if ownCertificate {
		t.Certificate = s.keyPair()
	}
	encryption := t.TLS // not the rest
	return &encryption
}

func (s *Server) keyPair() *tls.Certificate {
	switch {
	case s.certificate.path == "" || s.key.path == "":
		s.Errorf("server.certificate and server.key go together: one of them is missing")
		return nil
	case s.certificate.bytes == nil || s.key.bytes == nil: // a mistake that is recorded
		return nil
	}
	pair, err := tls.X509KeyPair(s.certificate.bytes, s.key.bytes)
	if err != nil {
		s.certificate.Errorf("server.certificate %s with server.key %s: %w",
			s.certificate.path, s.key.path, err)
		return nil
	}
	return &pair
}

// letsEncrypt reads how certificates are fetched. Without an email address docker_auth ignores the
// section and serves in the clear, which nobody wants who wrote the section.
func (t *tlsSettings) letsEncrypt(n *conf.Node) {
	le := &LetsEncrypt{}
	t.LetsEncrypt, t.letsEncryptAt = le, n.Place
	n.Fields(
		conf.Text("email", &le.Email), conf.Text("host", &le.Host),
		conf.Text("cache_dir", &le.CacheDir), conf.Text("cachedir", &le.CacheDir),
	)
	if le.Email == "" {
		n.Errorf("letsencrypt.email is missing: without it no certificate is fetched; " +
			"leave letsencrypt out if that is meant")
		return
	}
	if info, err := os.Stat(le.CacheDir); err != nil || !info.IsDir() {
		n.Errorf("letsencrypt.cache_dir %q is not a folder: the certificates would be lost", le.CacheDir)
	}
	if le.Host == "" {
		n.Warnf("without letsencrypt.host, strangers can have certificates fetched for any name " +
			"that leads here")
	}
}

// tlsVersion reads a version by docker_auth's name or by its number. Those before TLS 1.2 are
// broken.
func tlsVersion(n *conf.Node) uint16 {
	text := n.Text()
	version := map[string]uint16{
		"": tls.VersionTLS12, "SSL30": tls.VersionTLS11, "TLS10": tls.VersionTLS11,
		"TLS11": tls.VersionTLS11, "TLS12": tls.VersionTLS12, "TLS13": tls.VersionTLS13,
	}[text]
	if version == 0 {
		const ssl30 = 0x0300
		number, err := strconv.ParseUint(text, 0, 16)
		version = uint16(number)
		if err != nil || version > tls.VersionTLS13 || version < ssl30 {
			n.Errorf("tls_min_version must be TLS12 or TLS13 and is %q", text)
		}
	}
	if version < tls.VersionTLS12 {
		n.Warnf("tls_min_version: %s is older than TLS 1.2, which is the least that is spoken", text)
		return tls.VersionTLS12
	}
	return version
}

func (t *tlsSettings) curves(n *conf.Node) {
	known := map[string]tls.CurveID{
		"P256": tls.CurveP256, "P384": tls.CurveP384, "P521": tls.CurveP521,
		"X25519": tls.X25519, "X25519MLKEM768": tls.X25519MLKEM768,
	}
	n.Items(func(n *conf.Node) {
		text := n.Text()
		number, _ := strconv.ParseUint(text, 0, 16)
		for name, id := range known {
			if name == text || tls.CurveID(number) == id {
				t.CurvePreferences = append(t.CurvePreferences, id)
				return
			}
		}
		n.Errorf("tls_curve_preferences: unknown curve %q", text)
	})
}

// suites reads suites by name or number. Those that Go calls insecure are left out.
func (t *tlsSettings) suites(n *conf.Node) {
	t.suitesAt, t.suitesGiven = n.Place, true
	count := 0
	n.Items(func(n *conf.Node) {
		count++
		text := n.Text()
		isNamed := func(s *tls.CipherSuite) bool { return isSuite(s, text) }
		if i := slices.IndexFunc(tls.CipherSuites(), isNamed); i >= 0 {
			t.CipherSuites = append(t.CipherSuites, tls.CipherSuites()[i].ID)
			return
		}
		switch {
		case text == "TLS_FALLBACK_SCSV":
			n.Warnf("tls_cipher_suites: %s is no cipher suite; it is left out", text)
		case slices.ContainsFunc(tls.InsecureCipherSuites(), isNamed):
			n.Warnf("tls_cipher_suites: %s is insecure; it is left out", text)
		default:
			n.Errorf("tls_cipher_suites: unknown cipher suite %q", text)
		}
	})
	switch {
	case n.Null() || n.IsList() && count == 0:
		n.Warnf("tls_cipher_suites is empty, which leaves the choice to Go")
	case len(t.CipherSuites) == 0:
		n.Errorf("tls_cipher_suites: no suite is left")
	}
}

func isSuite(s *tls.CipherSuite, text string) bool {
	return s.Name == text || fmt.Sprintf("0x%04x", s.ID) == text ||
		strconv.Itoa(int(s.ID)) == text ||
		s.Name == text+"_SHA256" // Go's old names of the ChaCha20 suites
}
