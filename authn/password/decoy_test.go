package password

import (
	"encoding/base64"
	"errors"
	"slices"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/authn"
)

const (
	bcrypt5   authn.Secret = "$2y$05$vorcrmoH33azSAcbh/y8c.APv1XJNGlBnj8qEAIMU4wMKGnyItaOC"
	bcrypt10  authn.Secret = "$2y$10$vorcrmoH33azSAcbh/y8c.APv1XJNGlBnj8qEAIMU4wMKGnyItaOC"
	argon19M  authn.Secret = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	argon64M4 authn.Secret = "$argon2id$v=19$m=65536,t=4,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
)

func TestDecoyCostsAsMuchAsTheCostliest(t *testing.T) {
	for name, test := range map[string]struct {
		hashes []authn.Secret
		want   string
	}{
		"no hashes":                    {nil, "argon2id m=19456,t=2,p=1"},
		"one":                          {[]authn.Secret{bcrypt5}, "bcrypt cost 5"},
		"two costs":                    {[]authn.Secret{bcrypt10, bcrypt5}, "bcrypt cost 10"},
		"two memories":                 {[]authn.Secret{argon19M, argon64M4}, "argon2id m=65536,t=4,p=1"},
		"cheap bcrypt with argon2id":   {[]authn.Secret{bcrypt5, argon19M}, "argon2id m=19456,t=2,p=1"},
		"usual bcrypt with argon2id":   {[]authn.Secret{argon19M, bcrypt10}, "bcrypt cost 10"},
		"usual bcrypt, large argon2id": {[]authn.Secret{bcrypt10, argon64M4}, "argon2id m=65536,t=4,p=1"},
	} {
		t.Run(name, func(t *testing.T) {
			hashes := []Hash{{}} // the zero Hash is ignored
			for _, encoded := range test.hashes {
				parsed, err := Parse(encoded)
				if err != nil {
					t.Fatal(err)
				}
				hashes = append(hashes, parsed)
			}
			if got := Decoy(hashes...).Parameters(); got != test.want {
				t.Errorf("the decoy is %s, want %s", got, test.want)
			}
		})
	}
}

// A comparison that returns a mismatch, and not an error about the hash, has run the algorithm.
func TestBcryptDecoyRunsTheAlgorithmAndCannotMatch(t *testing.T) {
	for cost := minBcryptCost; cost < strongBcryptCost; cost++ {
		decoy := (&bcryptHash{cost: uint8(cost)}).decoy().(*bcryptHash)
		if got, err := bcrypt.Cost(decoy.encoded[:]); got != cost || err != nil {
			t.Fatalf("the decoy of cost %d has cost %d, %v", cost, got, err)
		}
		err := bcrypt.CompareHashAndPassword(decoy.encoded[:], []byte("a"))
		if !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			t.Fatalf("comparing with the decoy of cost %d: %v", cost, err)
		}
		alphabet := base64.NewEncoding(bcryptAlphabet).WithPadding(base64.NoPadding).Strict()
		digest := string(decoy.encoded[bcryptHashOffset:])
		if _, err := alphabet.DecodeString(digest); err == nil {
			t.Fatalf("bcrypt can produce the digest of the decoy of cost %d", cost)
		}
	}
}

func TestArgon2idDecoyHasTheSizesOfTheHash(t *testing.T) {
	hash, err := parseArgon2id(string(argon19M))
	if err != nil {
		t.Fatal(err)
	}
	decoy := hash.decoy().(*argon2idHash)
	if decoy.parameters() != hash.parameters() ||
		len(decoy.salt) != len(hash.salt) || len(decoy.digest) != len(hash.digest) {
		t.Errorf("the decoy is %s with %d and %d bytes",
			decoy.parameters(), len(decoy.salt), len(decoy.digest))
	}
	if slices.Equal(decoy.digest, hash.digest) || slices.Equal(decoy.salt, hash.salt) {
		t.Error("the decoy shares bytes with the hash")
	}
}

func TestADecoyDiscardsTheResult(t *testing.T) {
	compared := 0
	matching := schemeFunc(func(string) bool { compared++; return true })
	if (&decoy{matching}).matches("a") || compared != 1 {
		t.Errorf("the decoy matches, or made %d comparisons", compared)
	}
}
