package password

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/authn"
)

func TestNewHash(t *testing.T) {
	encoded, err := NewHash("wonderland")
	if err != nil {
		t.Fatal(err)
	}
	hash := parse(t, encoded)
	if hash.Parameters() != "argon2id m=19456,t=2,p=1" || hash.Weakness() != "" {
		t.Errorf("made %s, %s", hash.Parameters(), hash.Weakness())
	}
	if !check(t, hash, "wonderland") || check(t, hash, "Wonderland") {
		t.Error("the password does not match, or another does")
	}
	if again, _ := NewHash("wonderland"); again == encoded {
		t.Error("two hashes have the same salt")
	}
}

func TestHashRefusesLengths(t *testing.T) {
	for name, test := range map[string]struct {
		length int
		want   error
	}{
		"empty":       {0, ErrLength},
		"the longest": {maxLength, nil},
		"longer":      {maxLength + 1, ErrLength},
	} {
		t.Run(name, func(t *testing.T) {
			encoded, err := NewHash(authn.Secret(strings.Repeat("a", test.length)))
			if !errors.Is(err, test.want) || (err == nil) == (encoded == "") {
				t.Errorf("error is %v, want %v", err, test.want)
			}
		})
	}
}

// The vector is from src/test.c of the reference implementation.
func TestArgon2idVector(t *testing.T) {
	hash := parse(t, "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"+
		"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if !check(t, hash, "password") || check(t, hash, "differentpassword") {
		t.Error("the password of the vector does not match, or another does")
	}
}

// bcrypt ignores everything after 72 bytes, and repeats shorter passwords.
func TestBcryptDoesNotTruncate(t *testing.T) {
	longest := strings.Repeat("a", 72)
	for name, test := range map[string]struct {
		hashed, typed string
		want          bool
	}{
		"72 bytes":                    {longest, longest, true},
		"71 bytes of it":              {longest, longest[1:], false},
		"73 bytes":                    {longest, longest + "a", false},
		"72 bytes and something else": {longest, longest + "ANYTHING", false},
		"repeated after a zero byte":  {"a", "a\x00a", false},
		"followed by a zero byte":     {"a", "a\x00", false},
		"not UTF-8":                   {"\xff\xfe", "\xff\xfe", true},
	} {
		t.Run(name, func(t *testing.T) {
			encoded, err := bcrypt.GenerateFromPassword([]byte(test.hashed), 5)
			if err != nil {
				t.Fatal(err)
			}
			if got := check(t, parse(t, authn.Secret(encoded)), authn.Secret(test.typed)); got != test.want {
				t.Errorf("%q matches the hash of %q: %v, want %v", test.typed, test.hashed, got, test.want)
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	for name, encoded := range map[string]authn.Secret{
		"argon2id m=19456,t=2,p=1": argon2id("19456", "2", "1", 16, 32),
		"bcrypt cost 10":           withCost("$10$"),
	} {
		hash, err := Parse(encoded)
		if err != nil {
			b.Fatal(err)
		}
		for kind, hash := range map[string]Hash{"real": hash, "decoy": Decoy(hash)} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				checker := Checker{Concurrency: 4} // one slot checks while three cool down
				for b.Loop() {
					if _, err := checker.Check(b.Context(), hash, "wonderland"); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
