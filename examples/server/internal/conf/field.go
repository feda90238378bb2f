package conf

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// A Field is a key of a mapping. The functions below make one for each kind of value.
type Field struct {
	keys    []string
	read    func(n *Node)
	value   func() string // for a setting that needs a restart; nil: by its text
	atStart bool
	removed bool
}

// Func is a field with a reader of its own.
func Func(key string, read func(n *Node)) Field {
	return Field{keys: []string{key}, read: read}
}

// AtStart marks a setting whose change needs a restart.
func (f Field) AtStart() Field {
	f.atStart = true
	return f
}

// Given sets p if the key is there, be it with an empty value.
func (f Field) Given(p *bool) Field {
	read := f.read
	f.read = func(n *Node) {
		*p = true
		read(n)
	}
	return f
}

// At sets p to the place of the value, if it is there.
func (f Field) At(p *Place) Field {
	read := f.read
	f.read = func(n *Node) {
		*p = n.Place
		read(n)
	}
	return f
}

// field makes a field of a value that p points to. A check returns an error such as "must be
// short".
func field[T any](key string, p *T, get func(*Node) T, checks []func(T) error) Field {
	read := func(n *Node) {
		*p = get(n)
		for _, check := range checks {
			if err := check(*p); err != nil {
				n.Errorf("%s %w", n.name, err)
			}
		}
	}
	return Field{keys: []string{key}, read: read, value: func() string { return fmt.Sprint(*p) }}
}

// Text is a field with a text.
func Text(key string, p *string, checks ...func(string) error) Field {
	return field(key, p, (*Node).Text, checks)
}

// Texts is a field with a list of texts. Null leaves p as it is.
func Texts(key string, p *[]string) Field {
	return Func(key, func(n *Node) {
		if !n.Null() {
			*p = n.Texts()
		}
	})
}

// Bool is a field that is true or false.
func Bool(key string, p *bool) Field { return field(key, p, (*Node).Bool, nil) }

// Int is a field with a number that is not less than least.
func Int(key string, p *int, least int) Field {
	return field(key, p, (*Node).Int, []func(int) error{func(number int) error {
		if number < least {
			return fmt.Errorf("must be at least %d", least)
		}
		return nil
	}})
}

// Duration is a field with a time that is longer than 0.
func Duration(key string, p *time.Duration, checks ...func(time.Duration) error) Field {
	return field(key, p, (*Node).Duration, checks)
}

// OneOf is a field with one of some texts, or an empty one, which leaves p as it is.
func OneOf(key string, p *string, allowed ...string) Field {
	f := Func(key, func(n *Node) {
		text := n.Text()
		switch {
		case slices.Contains(allowed, text):
			*p = text
		case text != "":
			n.Errorf("%s must be one of %s and is %q", n.name, strings.Join(allowed, ", "), text)
		}
	})
	f.value = func() string { return *p }
	return f
}

// Removed is a key of an earlier version. The mistake says why it is gone.
func Removed(key, why string) Field {
	f := Func(key, func(n *Node) {
		n.Errorf("%s.%s was removed: %s; delete this setting", n.parent.name, key, why)
	})
	f.removed = true
	return f
}

// The suffixes of the keys of a secret that is not in the configuration itself.
const (
	suffixFile     = "_file"
	suffixVariable = "_env"
)

// Secret is a secret at KEY, in a file at KEY_file, or in an environment variable at KEY_env.
func Secret(key string, p *authn.Secret) Field {
	f := SecretElsewhere(key, p)
	f.keys = append(f.keys, key)
	return f
}

// SecretElsewhere is Secret without KEY: the secret cannot stand in the configuration.
func SecretElsewhere(key string, p *authn.Secret) Field {
	given := false
	return Field{keys: []string{key + suffixFile, key + suffixVariable}, read: func(n *Node) {
		switch {
		case given:
			n.Errorf("%s: the same secret is given twice", n.name)
		case n.key == key+suffixFile:
			*p = authn.Secret(strings.TrimSpace(string(n.ReadSecretFile())))
		case n.key == key+suffixVariable:
			*p = n.Variable()
		default:
			*p = authn.Secret(n.Text())
		}
		given = true
	}}
}

// Fields reads a mapping.
func (n *Node) Fields(fields ...Field) {
	values := make([]*Node, len(fields))
	read := func(key string, value *Node) {
		i := slices.IndexFunc(fields, func(f Field) bool { return slices.Contains(f.keys, key) })
		if i < 0 {
			value.Errorf("unknown key %q in %s", key, n.name)
			return
		}
		values[i] = value
		fields[i].read(value)
	}
	if n.doc.listing {
		n.list(fields, read)
		return
	}
	n.Entries(read)
	for i, f := range fields {
		if f.atStart {
			n.AtStart(f.keys[0], f.setting(values[i]))
		}
	}
}

// setting is the value of a field, to compare it with that of another time.
func (f Field) setting(n *Node) string {
	switch {
	case f.value != nil:
		return f.value()
	case n == nil || n.Null():
		return ""
	default:
		return n.Sum()
	}
}

// AtStart notes the value of a setting whose change needs a restart.
func (n *Node) AtStart(key, value string) {
	n.doc.settings[n.child(key, nil, 0).path()] = value
}

// A Key is one that a configuration can have.
type Key struct {
	// Path is the keys that lead to it, such as "users.NAME.labels".
	Path    string
	AtStart bool
}

// Keys returns the keys that a reader knows.
func Keys(read func(n *Node)) []Key {
	d := &Document{
		listing: true, getenv: func(string) string { return "" }, settings: make(map[string]string),
	}
	read(&Node{Place: Place{doc: d}})
	return d.keys
}

func (n *Node) list(fields []Field, read func(string, *Node)) {
	for _, f := range fields {
		for _, key := range f.keys {
			value := n.child(key, nil, 0)
			if !f.removed {
				n.doc.keys = append(n.doc.keys, Key{value.path(), f.atStart})
			}
			read(key, value)
		}
	}
}
