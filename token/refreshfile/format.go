package refreshfile

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/berthpass/registry-auth/token"
)

// The file begins with a header: the magic, a salt, and a checksum of both. Groups of changes follow, each of which is
//
//	salt      8 bytes, random for each file
//	number    8 bytes, 1 for the first group
//	length    4 bytes, of the changes
//	checksum  4 bytes, of the changes
//	checksum  4 bytes, of the 24 before
//	changes
//
// Numbers are big-endian, and checksums CRC-32 (Castagnoli). A group is written when the one before is on the disk. So one that
// is not whole was torn by a crash only if it is the last, and damaged if another follows. The salt is what finds another where
// a header is not readable: no text that a client has sent can look like it.
const (
	magic        = "registry-auth refresh 1\n"
	saltLength   = 8
	headerLength = len(magic) + saltLength + 4
	groupLength  = saltLength + 8 + 4 + 4 + 4 // without the changes
)

// checksum is CRC-32C, whose table the package makes once.
func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// A format writes groups with the salt of a file and their numbers.
type format struct {
	salt [saltLength]byte
	next uint64
}

func newFormat() format {
	f := format{next: 1}
	_, _ = rand.Read(f.salt[:]) // never fails
	return f
}

func (f *format) header() []byte {
	b := append([]byte(magic), f.salt[:]...)
	return binary.BigEndian.AppendUint32(b, checksum(b))
}

// group encodes changes.
func (f *format) group(changes []change) []byte {
	b := make([]byte, groupLength, groupLength+len(changes)*512)
	for _, c := range changes {
		b = appendChange(b, c)
	}
	head, body := b[:0], b[groupLength:]
	head = append(head, f.salt[:]...)
	head = binary.BigEndian.AppendUint64(head, f.next)
	head = binary.BigEndian.AppendUint32(head, uint32(len(body))) //nolint:gosec // some ten million changes at once
	head = binary.BigEndian.AppendUint32(head, checksum(body))
	binary.BigEndian.AppendUint32(head, checksum(head))
	f.next++
	return b
}

// snapshot is a whole file.
func (f *format) snapshot(records []token.RefreshRecord) []byte {
	b := f.header()
	for some := range slices.Chunk(records, 1024) {
		changes := make([]change, len(some))
		for i := range some {
			changes[i] = change{family: some[i].Family, after: &some[i]}
		}
		b = append(b, f.group(changes)...)
	}
	return b
}

// parse reads a file and returns how to go on with it, and where: the end of the file, or of what is whole.
func parse(content []byte, apply func(change)) (f format, size int64, err error) {
	if len(content) < headerLength || !bytes.HasPrefix(content, []byte(magic)) {
		return f, 0, fmt.Errorf("%w: no header", ErrDamaged)
	}
	head, left := content[:headerLength-4], content[headerLength:]
	if checksum(head) != binary.BigEndian.Uint32(content[len(head):]) {
		return f, 0, fmt.Errorf("%w: the checksum of the header is wrong", ErrDamaged)
	}
	f = format{salt: [saltLength]byte(head[len(magic):]), next: 1}
	for len(left) > 0 {
		body, rest, whole := f.split(left)
		if !whole {
			break
		}
		if err := decode(body, apply); err != nil {
			return f, 0, fmt.Errorf("%w: group %d: %w", ErrDamaged, f.next, err)
		}
		left = rest
		f.next++
	}
	size = int64(len(content) - len(left))
	if !f.torn(left) {
		return f, 0, fmt.Errorf("%w: group %d, at byte %d", ErrDamaged, f.next, size)
	}
	return f, size, nil
}

// split returns the next group's changes and what follows, if the group is whole.
func (f *format) split(b []byte) (body, rest []byte, whole bool) {
	number, length, ok := f.head(b)
	if !ok || number != f.next || length > len(b)-groupLength {
		return nil, nil, false
	}
	body, rest = b[groupLength:groupLength+length], b[groupLength+length:]
	return body, rest, checksum(body) == binary.BigEndian.Uint32(b[saltLength+12:])
}

// head reads the header of a group.
func (f *format) head(b []byte) (number uint64, length int, ok bool) {
	if len(b) < groupLength || !bytes.HasPrefix(b, f.salt[:]) {
		return 0, 0, false
	}
	sum := groupLength - 4
	length = int(binary.BigEndian.Uint32(b[saltLength+8:]))
	return binary.BigEndian.Uint64(b[saltLength:]), length, checksum(b[:sum]) == binary.BigEndian.Uint32(b[sum:])
}

// torn reports whether b, which does not begin with a whole group, is what a crash may leave of the last one: it has the right
// number, if one can be read, and nothing behind it.
func (f *format) torn(b []byte) bool {
	if number, length, ok := f.head(b); ok && (number != f.next || groupLength+length < len(b)) {
		return false
	}
	for i := 1; i < len(b); i++ {
		next := bytes.Index(b[i:], f.salt[:])
		if next < 0 {
			break
		}
		i += next
		if _, _, ok := f.head(b[i:]); ok {
			return false
		}
	}
	return true
}
