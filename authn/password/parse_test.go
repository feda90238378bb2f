package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/authn"
)

// htpasswd -nbB alice wonderland printed bcryptWonderland.
const bcryptWonderland authn.Secret = "$2y$05$vorcrmoH33azSAcbh/y8c.APv1XJNGlBnj8qEAIMU4wMKGnyItaOC"

func argon2id(m, t, p string, saltBytes, digestBytes int) authn.Secret {
	text := base64.RawStdEncoding.EncodeToString
	return authn.Secret(fmt.Sprintf("$argon2id$v=19$m=%s,t=%s,p=%s$%s$%s", m, t, p,
		text(make([]byte, saltBytes)), text(make([]byte, digestBytes))))
}

func withCost(cost string) authn.Secret {
	return authn.Secret(strings.Replace(string(bcryptWonderland), "$05$", cost, 1))
}

func TestParseAccepts(t *testing.T) {
	for name, test := range map[string]struct {
		encoded    authn.Secret
		parameters string
		weak       bool
	}{
		"what htpasswd makes by default":           {bcryptWonderland, "bcrypt cost 5", true},
		"a bcrypt cost just below the recommended": {withCost("$09$"), "bcrypt cost 9", true},
		"the recommended bcrypt cost":              {withCost("$10$"), "bcrypt cost 10", false},
		"the highest bcrypt cost":                  {withCost("$14$"), "bcrypt cost 14", false},
		"bcrypt with the letter of OpenBSD":        {"$2b$" + bcryptWonderland[4:], "bcrypt cost 5", true},
		"bcrypt with the letter of Go":             {"$2a$" + bcryptWonderland[4:], "bcrypt cost 5", true},
		"argon2id as OWASP recommends":             {argon2id("19456", "2", "1", 16, 32), "argon2id m=19456,t=2,p=1", false},
		"argon2id with its largest parameters":     {argon2id("65536", "5", "4", 64, 64), "argon2id m=65536,t=5,p=4", false},
		"argon2id with the least memory of OWASP":  {argon2id("7168", "5", "1", 16, 32), "argon2id m=7168,t=5,p=1", false},
		"argon2id with its least parameters":       {argon2id("7168", "1", "1", 8, 16), "argon2id m=7168,t=1,p=1", true},
		"argon2id with OWASP's memory, one pass":   {argon2id("19456", "1", "1", 16, 32), "argon2id m=19456,t=1,p=1", true},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := Parse(test.encoded)
			if err != nil {
				t.Fatal(err)
			}
			if parsed.Parameters() != test.parameters {
				t.Errorf("parameters are %q, want %q", parsed.Parameters(), test.parameters)
			}
			if weak := parsed.Weakness() != ""; weak != test.weak {
				t.Errorf("weakness is %q, want one: %v", parsed.Weakness(), test.weak)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	good := string(argon2id("19456", "2", "1", 16, 32))
	edit := func(old, replacement string) authn.Secret {
		return authn.Secret(strings.Replace(good, old, replacement, 1))
	}
	for name, test := range map[string]struct {
		encoded authn.Secret
		want    error
	}{
		"nothing":                           {"", errAlgorithm},
		"clear text":                        {"wonderland", errAlgorithm},
		"SHA-1":                             {"{SHA}Tb5sWD9nCcMzSb8TCBUdA9gmpQk=", errAlgorithm},
		"MD5":                               {"$apr1$bn5uWm5v$4L5V4Ld9PoZpKs2kYHRqc.", errAlgorithm},
		"SHA-512 crypt":                     {"$6$salt$digest", errAlgorithm},
		"bcrypt of the first version":       {"$2$" + bcryptWonderland[4:], errAlgorithm},
		"bcrypt with the sign bug":          {"$2x$" + bcryptWonderland[4:], errAlgorithm},
		"argon2i":                           {edit("argon2id", "argon2i"), errAlgorithm},
		"bcrypt in upper case":              {authn.Secret(strings.ToUpper(string(bcryptWonderland))), errAlgorithm},
		"a space in front":                  {" " + bcryptWonderland, errAlgorithm},
		"bcrypt cost 4":                     {withCost("$04$"), errParameters},
		"bcrypt cost 15":                    {withCost("$15$"), errParameters},
		"bcrypt cost 31, which takes a day": {withCost("$31$"), errParameters},
		"a bcrypt cost with a sign":         {withCost("$+5$"), errMalformed},
		"bcrypt cut short":                  {bcryptWonderland[:59], errMalformed},
		"bcrypt with something after it":    {bcryptWonderland + " ", errMalformed},
		"bcrypt with a bad salt":            {bcryptWonderland[:10] + "!" + bcryptWonderland[11:], errMalformed},
		"bcrypt with a line break":          {bcryptWonderland[:40] + "\n" + bcryptWonderland[41:], errMalformed},
		"bcrypt with a line break in zeros": {bcryptWonderland[:29] + "\n" + authn.Secret(strings.Repeat(".", 30)), errMalformed},
		"an impossible bcrypt digest":       {bcryptWonderland[:59] + "/", errMalformed},
		"argon2id of another version":       {edit("v=19", "v=16"), errMalformed},
		"argon2id without a version":        {edit("v=19$", ""), errMalformed},
		"argon2id with too little memory":   {argon2id("4096", "3", "1", 16, 32), errParameters},
		"argon2id with too much memory":     {argon2id("65537", "1", "1", 16, 32), errParameters},
		"argon2id with 4 TiB of memory":     {argon2id("4294967295", "1", "1", 16, 32), errParameters},
		"argon2id with an overflow":         {argon2id("4294967296", "1", "1", 16, 32), errMalformed},
		"argon2id with no pass":             {argon2id("19456", "0", "1", 16, 32), errParameters},
		"argon2id with too many passes":     {argon2id("19456", "6", "1", 16, 32), errParameters},
		"argon2id with no lane":             {argon2id("19456", "2", "0", 16, 32), errParameters},
		"argon2id with too many lanes":      {argon2id("19456", "2", "5", 16, 32), errParameters},
		"argon2id with a short salt":        {argon2id("19456", "2", "1", 7, 32), errParameters},
		"argon2id with a long salt":         {argon2id("19456", "2", "1", 65, 32), errParameters},
		"argon2id with a short digest":      {argon2id("19456", "2", "1", 16, 15), errParameters},
		"argon2id with a long digest":       {argon2id("19456", "2", "1", 16, 65), errParameters},
		"argon2id with a leading zero":      {argon2id("019456", "2", "1", 16, 32), errMalformed},
		"argon2id with a key id":            {edit("p=1", "p=1,keyid=AA"), errMalformed},
		"argon2id in another order":         {edit("m=19456,t=2", "t=2,m=19456"), errMalformed},
		"argon2id with padding":             {authn.Secret(good + "="), errMalformed},
		"argon2id with padding bits":        {authn.Secret(good[:len(good)-1] + "B"), errMalformed},
		"argon2id with a line break":        {authn.Secret(good + "\n"), errMalformed},
		"argon2id without a digest":         {authn.Secret(good[:strings.LastIndex(good, "$")]), errMalformed},
		"a megabyte":                        {authn.Secret("$argon2id$" + strings.Repeat("A", 1<<20)), errMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := Parse(test.encoded)
			if !errors.Is(err, test.want) || !errors.Is(err, ErrHash) {
				t.Fatalf("error is %v, want %v", err, test.want)
			}
			if parsed != (Hash{}) {
				t.Error("an error comes with a hash")
			}
			if len(test.encoded) > 4 && strings.Contains(err.Error(), string(test.encoded)) ||
				len(err.Error()) > 200 {
				t.Errorf("the error shows the hash, or is long: %v", err)
			}
		})
	}
}

// bcrypt accepts every hash that Parse accepts, and printing a Hash does not reveal it. With an
// error comes no hash. Passwords are not compared, since a costly hash would stop the fuzzer.
func FuzzParse(f *testing.F) {
	f.Add(string(bcryptWonderland))
	f.Add(string(argon2id("19456", "2", "1", 16, 32)))
	f.Add("$2y$31$")
	f.Add("$argon2id$v=19$m=1,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, encoded string) {
		parsed, err := Parse(authn.Secret(encoded))
		if err != nil {
			if parsed != (Hash{}) {
				t.Fatal("an error comes with a hash")
			}
			return
		}
		if strings.HasPrefix(encoded, "$2") {
			if _, err := bcrypt.Cost([]byte(encoded)); err != nil {
				t.Fatalf("%q: %v", encoded, err)
			}
		}
		digest := encoded[len(encoded)-10:]
		inside := struct{ p Hash }{parsed}
		printed := fmt.Sprintf("%v %+v %#v %s", parsed, parsed, inside, parsed.Parameters())
		if strings.Contains(printed, digest) {
			t.Fatalf("%q prints as %q", encoded, printed)
		}
	})
}

func TestHashesOfTheHtpasswdProgram(t *testing.T) {
	program, err := exec.LookPath("htpasswd")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI needs htpasswd, of apache2-utils")
		}
		t.Skip("htpasswd, of apache2-utils, is not installed")
	}
	for name, test := range map[string]struct {
		flags []string
		want  error
	}{
		"bcrypt by default": {[]string{"-nbB"}, nil},
		"bcrypt, cost 10":   {[]string{"-nbBC", "10"}, nil},
		"MD5, its default":  {[]string{"-nb"}, errAlgorithm},
		"SHA-1":             {[]string{"-nbs"}, errAlgorithm},
		"clear text":        {[]string{"-nbp"}, errAlgorithm},
	} {
		t.Run(name, func(t *testing.T) {
			arguments := append(test.flags, "alice", "wonderland")
			line, err := exec.CommandContext(t.Context(), program, arguments...).Output()
			if err != nil {
				t.Fatal(err)
			}
			_, encoded, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
			parsed, err := Parse(authn.Secret(encoded))
			if !errors.Is(err, test.want) {
				t.Fatalf("error is %v, want %v", err, test.want)
			}
			if test.want == nil && !check(t, parsed, "wonderland") {
				t.Error("the password does not match")
			}
		})
	}
}

func check(t *testing.T, hash Hash, typed authn.Secret) bool {
	t.Helper()
	matches, err := new(Checker).Check(t.Context(), hash, typed)
	if err != nil {
		t.Fatal(err)
	}
	return matches
}

func parse(t *testing.T, encoded authn.Secret) Hash {
	t.Helper()
	parsed, err := Parse(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
