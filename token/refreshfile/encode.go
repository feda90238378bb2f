package refreshfile

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// A change is a byte that says which, the family, and for a record its fields. A text is its length (uvarint) and its bytes, a time
// the 15 bytes of time.Time's binary form in UTC, which has the zero time too.
const (
	changeRemove = 0
	changeRecord = 1
)

var errEncoding = errors.New("a change that cannot be read")

func appendChange(b []byte, c change) []byte {
	if c.after == nil {
		return append(append(b, changeRemove), c.family[:]...)
	}
	b = append(append(b, changeRecord), c.family[:]...)
	r := c.after
	b = append(b, r.Hash[:]...)
	b = append(b, r.Previous[:]...)
	for _, text := range []string{r.ID, r.Subject, r.SubjectKind, r.SubjectStamp, r.Service, r.ClientID} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	for _, at := range []time.Time{r.RotatedAt, r.IssuedAt, r.LastUsed, r.ExpiresAt, r.IdleAt} {
		b, _ = at.UTC().AppendBinary(b) // fails for odd zones only
	}
	return b
}

// timeLength is that of the binary form of a time in UTC.
const timeLength = 15

// decode reads the changes of a group.
func decode(body []byte, apply func(change)) error {
	d := decoder{left: body}
	for len(d.left) > 0 {
		c := d.change()
		if d.err != nil {
			return d.err
		}
		apply(c)
	}
	return nil
}

// A decoder reads changes. It keeps the first error, after which it returns zero values.
type decoder struct {
	left []byte
	err  error
}

func (d *decoder) change() change {
	kind := d.take(1)
	c := change{family: d.hash()}
	switch {
	case d.err != nil:
	case kind[0] == changeRemove:
	case kind[0] == changeRecord:
		c.after = d.record(c.family)
	default:
		d.err = errEncoding
	}
	return c
}

func (d *decoder) record(family token.RefreshHash) *token.RefreshRecord {
	return &token.RefreshRecord{ // in the order of the file: Go evaluates calls from left to right
		Family:       family,
		Hash:         d.hash(),
		Previous:     d.hash(),
		ID:           d.text(),
		Subject:      d.text(),
		SubjectKind:  d.text(),
		SubjectStamp: d.text(),
		Service:      d.text(),
		ClientID:     d.text(),
		RotatedAt:    d.time(),
		IssuedAt:     d.time(),
		LastUsed:     d.time(),
		ExpiresAt:    d.time(),
		IdleAt:       d.time(),
	}
}

// take returns the next n bytes. When there are fewer, it returns none.
func (d *decoder) take(n int) []byte {
	if d.err == nil && (n < 0 || n > len(d.left)) {
		d.err = errEncoding
	}
	if d.err != nil {
		return nil
	}
	taken := d.left[:n]
	d.left = d.left[n:]
	return taken
}

func (d *decoder) hash() (h token.RefreshHash) {
	copy(h[:], d.take(len(h)))
	return h
}

func (d *decoder) text() string {
	length, n := binary.Uvarint(d.left)
	if n <= 0 || length > uint64(len(d.left)) {
		n = -1
	}
	d.take(n)
	return string(d.take(int(length))) //nolint:gosec // not more than there is, or take has failed
}

func (d *decoder) time() (t time.Time) {
	if b := d.take(timeLength); d.err == nil {
		if err := t.UnmarshalBinary(b); err != nil {
			d.err = errEncoding
		}
	}
	return t.UTC()
}
