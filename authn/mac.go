package authn

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// credentialsMAC stands for a user name and a password.
type credentialsMAC = [16]byte

// macPurpose keeps apart what is hashed for different purposes.
type macPurpose byte

const (
	macCredentials macPurpose = iota
	macPlace
	macAccount
	macAddress
)

// macs make of what a client has chosen something of fixed size that nobody can choose or read. They keep the hashes that they have
// set up, since to make one takes as long as to use it. They are safe for concurrent use.
type macs struct {
	idle sync.Pool // of *keyedHash
}

type keyedHash struct {
	hash.Hash

	message []byte
}

// newMACs returns those of a secret, or of a random one if it is empty.
func newMACs(secret Secret) *macs {
	key := []byte(secret)
	if len(key) == 0 {
		key = make([]byte, sha256.Size)
		_, _ = rand.Read(key) // never fails
	}
	return &macs{sync.Pool{New: func() any { return &keyedHash{Hash: hmac.New(sha256.New, key)} }}}
}

// sum has the lengths in it, or "ab" with "c" would be "a" with "bc".
func (m *macs) sum(purpose macPurpose, parts ...string) (sum [sha256.Size]byte) {
	h := m.idle.Get().(*keyedHash) //nolint:errcheck,forcetypeassert // the pool holds nothing else
	defer m.idle.Put(h)
	h.Reset()
	h.message = append(h.message[:0], byte(purpose))
	for _, part := range parts {
		h.message = binary.BigEndian.AppendUint64(h.message, uint64(len(part)))
		h.message = append(h.message, part...)
	}
	_, _ = h.Write(h.message) // never fails
	clear(h.message)          // there may be a password in it
	h.message = h.Sum(h.message[:0])
	copy(sum[:], h.message)
	return sum
}

// short is the first half of sum.
func (m *macs) short(purpose macPurpose, parts ...string) [sha256.Size / 2]byte {
	sum := m.sum(purpose, parts...)
	return [sha256.Size / 2]byte(sum[:])
}
