package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The format is the PHC string format, $argon2id$v=19$m=19456,t=2,p=1$salt$digest, with base64
// without padding.
const (
	argon2idPrefix = "$argon2id$"
	// strongArgon2idWork is the smallest product of memory in KiB and passes that OWASP recommends.
	strongArgon2idWork = 35840
)

type argon2idHash struct {
	memoryKiB, passes uint32
	lanes             uint8
	salt, digest      []byte
}

func parseArgon2id(encoded string) (*argon2idHash, error) {
	fields := strings.Split(encoded, "$")
	if len(fields) != 6 || fields[2] != "v=19" {
		return nil, fmt.Errorf("%w: not $argon2id$v=19$m=…,t=…,p=…$salt$hash", errMalformed)
	}
	h := &argon2idHash{}
	_, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &h.memoryKiB, &h.passes, &h.lanes)
	if err != nil {
		return nil, fmt.Errorf("%w: the argon2id parameters are not m=…,t=…,p=…", errMalformed)
	}
	var saltErr, digestErr error
	h.salt, saltErr = base64.RawStdEncoding.DecodeString(fields[4])
	h.digest, digestErr = base64.RawStdEncoding.DecodeString(fields[5])
	// Leading zeros, line breaks, padding bits and unknown parameters do not survive encode.
	if saltErr != nil || digestErr != nil || h.encode() != encoded {
		return nil, fmt.Errorf("%w: the argon2id hash is not in canonical form", errMalformed)
	}
	return h, h.checkBounds()
}

func (h *argon2idHash) checkBounds() error {
	for _, bound := range []struct {
		name             string
		value, min, most int
	}{
		{"memory in KiB, m", int(h.memoryKiB), 7 << 10, 64 << 10},
		{"number of passes, t", int(h.passes), 1, 5},
		{"number of lanes, p", int(h.lanes), 1, 4},
		{"length of the salt in bytes", len(h.salt), 8, 64},
		{"length of the digest in bytes", len(h.digest), 16, 64},
	} {
		if bound.value < bound.min || bound.value > bound.most {
			return fmt.Errorf("%w: argon2id %s: %d is not in %d to %d; use m=19456,t=2,p=1",
				errParameters, bound.name, bound.value, bound.min, bound.most)
		}
	}
	return nil
}

func (h *argon2idHash) encode() string {
	text := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("%sv=%d$m=%d,t=%d,p=%d$%s$%s", argon2idPrefix, argon2.Version,
		h.memoryKiB, h.passes, h.lanes, text(h.salt), text(h.digest))
}

func (h *argon2idHash) derive(password string, length int) []byte {
	//nolint:gosec // a digest has at most 64 bytes
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memoryKiB, h.lanes, uint32(length))
}

func (h *argon2idHash) matches(password string) bool {
	return subtle.ConstantTimeCompare(h.derive(password, len(h.digest)), h.digest) == 1
}

// 21 ms for two passes over 19 MiB, measured on the same machine as bcrypt.
func (h *argon2idHash) nominalMicroseconds() int { return int(h.memoryKiB*h.passes) * 21 / 38 }

func (h *argon2idHash) parameters() string {
	return fmt.Sprintf("argon2id m=%d,t=%d,p=%d", h.memoryKiB, h.passes, h.lanes)
}

func (h *argon2idHash) weakness() string {
	if h.memoryKiB*h.passes >= strongArgon2idWork {
		return ""
	}
	return h.parameters() + " is weaker than OWASP recommends: use m=19456,t=2,p=1"
}

// decoy returns a hash with a random digest.
func (h *argon2idHash) decoy() scheme {
	d := *h
	d.salt, d.digest = make([]byte, len(h.salt)), make([]byte, len(h.digest))
	_, _ = rand.Read(d.salt) // never fails
	_, _ = rand.Read(d.digest)
	return &d
}
