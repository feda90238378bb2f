package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// withTLS puts a certificate for localhost in place, another one each time.
func withTLS(f *fixture) {
	f.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		f.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		DNSNames:     []string{"localhost"},
		NotAfter:     time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		f.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		f.t.Fatal(err)
	}
	f.file("tls.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
	f.file("tls.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

// withSlowProgram puts a program in place that writes to the pipe asked, and answers when the pipe
// answer is written to.
func withSlowProgram(f *fixture) {
	f.t.Helper()
	for _, pipe := range []string{"asked", "answer"} {
		if err := syscall.Mkfifo(filepath.Join(f.folder, pipe), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	script := "#!/bin/sh\necho > " + f.folder + "/asked\ncat " + f.folder + "/answer\n"
	if err := os.WriteFile(filepath.Join(f.folder, "slow.sh"), []byte(script), 0o700); err != nil {
		f.t.Fatal(err)
	}
}
