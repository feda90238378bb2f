package config

import (
	"crypto/tls"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// tls reads the encryption of connections. Without a certificate there is none.
func (r *reader) tls(section *yaml.Node, s tlsSettings) *TLS {
	t := &TLS{MinVersion: tls.VersionTLS12}
	if s.minVersion != nil {
		t.MinVersion = r.tlsVersion(s.minVersion)
	}
	if s.curves != nil {
		t.CurvePreferences = r.curves(s.curves)
	}
	if s.ciphers != nil {
		t.CipherSuites = r.cipherSuites(s.ciphers)
		if t.MinVersion == tls.VersionTLS13 {
			r.warn(s.ciphers, "tls_cipher_suites means nothing with tls_min_version TLS13: the suites of TLS 1.3 cannot be chosen")
		}
	}
	ownCertificate := s.certificate != nil || s.key != nil
	if ownCertificate {
		t.Certificate = r.keyPair(section, s.certificate, s.key)
	}
	if s.letsEncrypt != nil {
		t.LetsEncrypt = r.letsEncrypt(s.letsEncrypt)
	}
	switch {
	case ownCertificate && s.letsEncrypt != nil:
		r.fail(s.letsEncrypt, "server.letsencrypt and server.certificate are two sources of the same certificate: give one of them")
	case !ownCertificate && s.letsEncrypt == nil:
		return nil
	}
	return t
}

func (r *reader) keyPair(section, certificate, key *yaml.Node) *tls.Certificate {
	if certificate == nil || key == nil {
		r.fail(section, "server.certificate and server.key go together: one of them is missing")
		return nil
	}
	certFile, keyFile := r.text(certificate, "server.certificate"), r.text(key, "server.key")
	certPEM, err := r.readFile(certFile)
	if err != nil {
		r.fail(certificate, "server.certificate: %w", plain(err))
		return nil
	}
	keyPEM, err := r.readFile(keyFile)
	if err != nil {
		r.fail(key, "server.key: %w", plain(err))
		return nil
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		r.fail(certificate, "server.certificate %s with server.key %s: %w", certFile, keyFile, err)
		return nil
	}
	return &pair
}

// letsEncrypt reads how certificates are fetched. Without an email address docker_auth ignores the section and serves in the
// clear, which who wrote the section did not want.
func (r *reader) letsEncrypt(n *yaml.Node) *LetsEncrypt {
	le := &LetsEncrypt{}
	r.mapping(n, "letsencrypt", func(key string, value *yaml.Node) bool {
		switch key {
		case "email":
			le.Email = r.text(value, key)
		case "host":
			le.Host = r.text(value, key)
		case "cache_dir", "cachedir":
			le.CacheDir = r.text(value, key)
		default:
			return false
		}
		return true
	})
	if le.Email == "" {
		r.fail(n, "letsencrypt.email is missing: without it no certificate is fetched; leave letsencrypt out if that is meant")
		return nil
	}
	if !isFolder(le.CacheDir) {
		r.fail(n, "letsencrypt.cache_dir %q is not a folder: the certificates would be lost", le.CacheDir)
	}
	if le.Host == "" {
		r.warn(n, "without letsencrypt.host, strangers can have certificates fetched for any name that leads here")
	}
	return le
}

// tlsVersion reads a version by docker_auth's name or by its number. What is older than TLS 1.2 is broken.
func (r *reader) tlsVersion(n *yaml.Node) uint16 {
	text := r.text(n, "tls_min_version")
	var version uint16
	switch text {
	case "":
		return tls.VersionTLS12
	case "SSL30", "TLS10", "TLS11":
		version = tls.VersionTLS11
	case "TLS12":
		version = tls.VersionTLS12
	case "TLS13":
		version = tls.VersionTLS13
	default:
		number, err := strconv.ParseUint(text, 0, 16)
		if version = uint16(number); err != nil || version > tls.VersionTLS13 || version < 0x0300 {
			r.fail(n, "tls_min_version must be TLS12 or TLS13 and is %q", text)
		}
	}
	if version < tls.VersionTLS12 {
		r.warn(n, "tls_min_version: %s is older than TLS 1.2, which is the least that is spoken", text)
		return tls.VersionTLS12
	}
	return version
}

func (r *reader) curves(n *yaml.Node) []tls.CurveID {
	known := map[string]tls.CurveID{
		"P256": tls.CurveP256, "P384": tls.CurveP384, "P521": tls.CurveP521, "X25519": tls.X25519, "X25519MLKEM768": tls.X25519MLKEM768,
	}
	var list []tls.CurveID
	r.sequence(n, "tls_curve_preferences", func(item *yaml.Node) {
		text := r.text(item, "a curve")
		id, ok := known[text]
		if number, err := strconv.ParseUint(text, 0, 16); !ok && err == nil {
			id = tls.CurveID(number)
			for _, k := range known {
				ok = ok || k == id
			}
		}
		if !ok {
			r.fail(item, "tls_curve_preferences: unknown curve %q", text)
			return
		}
		list = append(list, id)
	})
	return list
}

// cipherSuites reads suites by name or number. Those that Go calls insecure are left out.
func (r *reader) cipherSuites(n *yaml.Node) []uint16 {
	if list := r.resolve(n); isNull(list) || list.Kind == yaml.SequenceNode && len(list.Content) == 0 {
		r.warn(n, "tls_cipher_suites is empty, which leaves the choice to Go")
		return nil
	}
	var list []uint16
	r.sequence(n, "tls_cipher_suites", func(item *yaml.Node) {
		text := r.text(item, "a cipher suite")
		switch suite, secure := findSuite(text); {
		case text == "TLS_FALLBACK_SCSV":
			r.warn(item, "tls_cipher_suites: %s is no cipher suite; it is left out", text)
		case suite == nil:
			r.fail(item, "tls_cipher_suites: unknown cipher suite %q", text)
		case !secure:
			r.warn(item, "tls_cipher_suites: %s is insecure; it is left out", text)
		default:
			list = append(list, suite.ID)
		}
	})
	if len(list) == 0 {
		r.fail(n, "tls_cipher_suites: no suite is left")
	}
	return list
}

func findSuite(name string) (suite *tls.CipherSuite, secure bool) {
	matches := func(s *tls.CipherSuite) bool {
		return s.Name == name || fmt.Sprintf("0x%04x", s.ID) == name || strconv.Itoa(int(s.ID)) == name ||
			s.Name == name+"_SHA256" // Go's old names of the ChaCha20 suites
	}
	for _, s := range tls.CipherSuites() {
		if matches(s) {
			return s, true
		}
	}
	for _, s := range tls.InsecureCipherSuites() {
		if matches(s) {
			return s, false
		}
	}
	return nil, false
}
