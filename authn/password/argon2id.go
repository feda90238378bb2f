package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The form is that of the PHC string format: $argon2id$v=19$m=19456,t=2,p=1$salt$digest, base64 without padding.
const (
	argon2idPrefix = "$argon2id$"

	minArgon2idKiB    = 7 << 10
	maxArgon2idKiB    = 64 << 10
	maxArgon2idPasses = 4
	maxArgon2idLanes  = 4
	// strongArgon2idWork is the least product of memory in KiB and passes among OWASP's equivalent sets of parameters.
	strongArgon2idWork = 35840

	minSaltBytes, maxSaltBytes     = 8, 64
	minDigestBytes, maxDigestBytes = 16, 64
)

type argon2idHash struct {
	memoryKiB, passes uint32
	lanes             uint8
	salt, digest      []byte
}

func parseArgon2id(encoded string) (*argon2idHash, error) {
	fields := strings.Split(encoded, "$")
	if len(fields) != 6 {
		return nil, fmt.Errorf("%w: argon2id has the form $argon2id$v=19$m=…,t=…,p=…$salt$hash", errMalformed)
	}
	if fields[2] != "v=19" {
		return nil, fmt.Errorf("%w: argon2id is accepted in version 19 only, v=19", errParameters)
	}
	h := &argon2idHash{}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.memoryKiB, &h.passes, &h.lanes); err != nil {
		return nil, fmt.Errorf("%w: the argon2id parameters are not m=…,t=…,p=…", errMalformed)
	}
	var saltErr, digestErr error
	h.salt, saltErr = base64.RawStdEncoding.DecodeString(fields[4])
	h.digest, digestErr = base64.RawStdEncoding.DecodeString(fields[5])
	// What encodes differently has leading zeros, line breaks, padding bits or something after the parameters.
	if saltErr != nil || digestErr != nil || h.encode() != encoded {
		return nil, fmt.Errorf("%w: the argon2id hash is not in the one canonical form", errMalformed)
	}
	return h, h.checkBounds()
}

func (h *argon2idHash) checkBounds() error {
	for _, bound := range []struct {
		name             string
		value, min, most int
	}{
		{"memory in KiB, m", int(h.memoryKiB), minArgon2idKiB, maxArgon2idKiB},
		{"number of passes, t", int(h.passes), 1, maxArgon2idPasses},
		{"number of lanes, p", int(h.lanes), 1, maxArgon2idLanes},
		{"length of the salt in bytes", len(h.salt), minSaltBytes, maxSaltBytes},
		{"length of the digest in bytes", len(h.digest), minDigestBytes, maxDigestBytes},
	} {
		if bound.value < bound.min || bound.value > bound.most {
			return fmt.Errorf("%w: argon2id %s: %d is not in %d to %d: m=19456,t=2,p=1 is a good choice",
				errParameters, bound.name, bound.value, bound.min, bound.most)
		}
	}
	return nil
}

func (h *argon2idHash) encode() string {
	return fmt.Sprintf("%sv=%d$m=%d,t=%d,p=%d$%s$%s", argon2idPrefix, argon2.Version, h.memoryKiB, h.passes, h.lanes,
		base64.RawStdEncoding.EncodeToString(h.salt), base64.RawStdEncoding.EncodeToString(h.digest))
}

func (h *argon2idHash) derive(password string, length int) []byte {
	//nolint:gosec // the length is that of a digest, 64 at most
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memoryKiB, h.lanes, uint32(length))
}

func (h *argon2idHash) matches(password string) bool {
	return subtle.ConstantTimeCompare(h.derive(password, len(h.digest)), h.digest) == 1
}

// 21 ms for 19 MiB twice, on a machine on which bcrypt takes what bcryptHash says.
func (h *argon2idHash) nominalMicroseconds() int { return int(h.memoryKiB*h.passes) * 21 / (2 * 19) }

func (h *argon2idHash) parameters() string {
	return fmt.Sprintf("argon2id m=%d,t=%d,p=%d", h.memoryKiB, h.passes, h.lanes)
}

func (h *argon2idHash) weakness() string {
	if h.memoryKiB*h.passes >= strongArgon2idWork {
		return ""
	}
	return h.parameters() + " is less work than is recommended: make the hash anew with m=19456,t=2,p=1"
}

// decoy has random bytes for a digest. That a password should match them is as likely as to guess the bytes.
func (h *argon2idHash) decoy() scheme {
	d := *h
	d.salt, d.digest = make([]byte, len(h.salt)), make([]byte, len(h.digest))
	_, _ = rand.Read(d.salt) // never fails
	_, _ = rand.Read(d.digest)
	return &d
}
