package token_test

import (
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

// attack is the knowledge of an attacker: the public part of the trusted key, a token and a key.
type attack struct {
	trusted  *token.Key
	keys     *token.KeySet
	valid    string // a token that is accepted
	attacker *token.Key
	forger   forger // with the attacker's key
	insider  forger // with the trusted key: for what even a right signature must not make good
}

func newAttack(tb testing.TB) attack {
	tb.Helper()
	trusted, attacker := generateKey(tb, token.ES256), generateKey(tb, token.ES256)
	keys := newKeySet(tb, trusted, generateKey(tb, token.EdDSA))
	valid := string(issue(tb, newIssuer(tb, keys, nil), aliceMay("pull")).Value)
	return attack{trusted, keys, valid, attacker, newForger(tb, attacker), newForger(tb, trusted)}
}

// header returns a header with the trusted kid and more members.
func (a attack) header(alg string, more string) string {
	return fmt.Sprintf(`{"typ":"JWT","alg":%q,"kid":%q%s}`, alg, a.trusted.ID(), more)
}

func (a attack) hmac(secret []byte) string {
	input := b64(a.header("HS256", "")) + "." + b64(goodClaims())
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + b64(string(mac.Sum(nil)))
}

func (a attack) publicKey(tb testing.TB) (der []byte) {
	tb.Helper()
	der, err := x509.MarshalPKIXPublicKey(a.trusted.Public())
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func TestAttacksAreRefused(t *testing.T) {
	a := newAttack(t)
	claims, der := goodClaims(), a.publicKey(t)
	jwks := string(newKeySet(t, a.attacker).JWKS())
	jwk := strings.TrimSuffix(strings.TrimPrefix(jwks, `{"keys":[`), `]}`)
	namedJWK := strings.Replace(jwk, a.attacker.ID(), a.trusted.ID(), 1)
	x5c := func(chain ...string) string { return marshal(t, chain) }
	selfSigned, err := a.attacker.SelfSigned(issuerName, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	head, body, signature := split(a.valid)
	input := head + "." + body
	tests := []struct {
		name string
		raw  string
		want error
	}{
		{"alg none", b64(a.header("none", "")) + "." + body + ".", token.ErrMalformed},
		{
			"alg none with a signature", b64(a.header("none", "")) + "." + body + "." + signature,
			token.ErrSignature,
		},
		{"alg None", b64(a.header("None", "")) + "." + body + "." + signature, token.ErrSignature},
		{"alg NONE", b64(a.header("NONE", "")) + "." + body + "." + signature, token.ErrSignature},
		{"alg nOnE", b64(a.header("nOnE", "")) + "." + body + "." + signature, token.ErrSignature},
		{"no alg", a.insider.token(`{"kid":"`+a.trusted.ID()+`"}`, claims), token.ErrSignature},
		{
			"alg that is a list",
			a.insider.token(`{"alg":["ES256"],"kid":"`+a.trusted.ID()+`"}`, claims),
			token.ErrMalformed,
		},
		{"alg in lower case", a.insider.token(a.header("es256", ""), claims), token.ErrSignature},
		{
			"the algorithm of another key of the set",
			a.insider.token(a.header("EdDSA", ""), claims), token.ErrSignature,
		},
		{
			"the algorithm of another curve", a.insider.token(a.header("ES384", ""), claims),
			token.ErrSignature,
		},
		{
			"alg twice", a.insider.token(a.header("ES256", `,"alg":"none"`), claims),
			token.ErrMalformed,
		},
		{
			"HS256 keyed with the public key in PEM",
			a.hmac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
			token.ErrSignature,
		},
		{"HS256 keyed with the public key in DER", a.hmac(der), token.ErrSignature},
		{
			"HS256 keyed with the certificate", a.hmac(a.trusted.CertificatePEM()),
			token.ErrSignature,
		},
		{"HS256 keyed with nothing", a.hmac(nil), token.ErrSignature},

		{
			"the attacker's signature under the trusted kid",
			a.forger.token(a.header("ES256", ""), claims), token.ErrSignature,
		},
		{
			"the attacker's kid",
			a.forger.token(`{"alg":"ES256","kid":"`+a.attacker.ID()+`"}`, claims),
			token.ErrUnknownKey,
		},
		{
			"a jwk beside the trusted kid (CVE-2025-24976)",
			a.forger.token(a.header("ES256", `,"jwk":`+jwk), claims), token.ErrSignature,
		},
		{
			"a jwk that bears the trusted kid",
			a.forger.token(a.header("ES256", `,"jwk":`+namedJWK), claims), token.ErrSignature,
		},
		{
			"a jwk alone", a.forger.token(`{"alg":"ES256","jwk":`+namedJWK+`}`, claims),
			token.ErrUnknownKey,
		},
		{
			"a jku",
			a.forger.token(`{"alg":"ES256","jku":"https://evil.example.com/keys"}`, claims),
			token.ErrUnknownKey,
		},
		{
			"an x5u",
			a.forger.token(`{"alg":"ES256","x5u":"https://evil.example.com/chain"}`, claims),
			token.ErrUnknownKey,
		},
		{"no key at all", a.insider.token(`{"alg":"ES256"}`, claims), token.ErrUnknownKey},
		{"an empty kid", a.insider.token(`{"alg":"ES256","kid":""}`, claims), token.ErrUnknownKey},
		{
			"a kid that is a path",
			a.insider.token(`{"alg":"ES256","kid":"../../dev/null"}`, claims), token.ErrUnknownKey,
		},
		{
			"a kid that is a number", a.insider.token(`{"alg":"ES256","kid":1}`, claims),
			token.ErrMalformed,
		},
		{
			"the attacker's certificate",
			a.forger.token(`{"alg":"ES256","x5c":`+x5c(x5cOf(a.attacker)...)+`}`, claims),
			token.ErrUnknownKey,
		},
		{
			"the attacker's certificate in the issuer's name",
			a.forger.token(`{"alg":"ES256","x5c":`+x5c(x5cOf(selfSigned)...)+`}`, claims),
			token.ErrUnknownKey,
		},
		{
			"the attacker's certificate, then the trusted one",
			a.forger.token(
				`{"alg":"ES256","x5c":`+x5c(x5cOf(a.attacker)[0], x5cOf(a.trusted)[0])+`}`, claims,
			),
			token.ErrUnknownKey,
		},
		{
			"the trusted certificate, then the attacker's",
			a.forger.token(
				`{"alg":"ES256","x5c":`+x5c(x5cOf(a.trusted)[0], x5cOf(a.attacker)[0])+`}`, claims,
			),
			token.ErrSignature,
		},
		{
			"the attacker's certificate beside the trusted kid",
			a.forger.token(a.header("ES256", `,"x5c":`+x5c(x5cOf(a.attacker)...)), claims),
			token.ErrSignature,
		},
		{"an empty x5c", a.insider.token(`{"alg":"ES256","x5c":[]}`, claims), token.ErrUnknownKey},
		{
			"an x5c with an empty certificate",
			a.insider.token(`{"alg":"ES256","x5c":[""]}`, claims), token.ErrMalformed,
		},
		{
			"an x5c that is junk", a.insider.token(`{"alg":"ES256","x5c":["AAAA","!"]}`, claims),
			token.ErrMalformed,
		},
		{
			"an x5c that is junk, beside the trusted kid",
			a.insider.token(a.header("ES256", `,"x5c":["AAAA"]`), claims), token.ErrMalformed,
		},
		{
			"an x5c that is a string", a.insider.token(`{"alg":"ES256","x5c":"AAAA"}`, claims),
			token.ErrMalformed,
		},
		{
			"an x5c of a thousand",
			a.insider.token(`{"alg":"ES256","x5c":[`+strings.Repeat(`"",`, 1000)+`""]}`, claims),
			token.ErrMalformed,
		},

		{
			"a critical extension", a.insider.token(a.header("ES256", `,"crit":["exp"]`), claims),
			token.ErrMalformed,
		},
		{
			"no critical extension, but crit",
			a.insider.token(a.header("ES256", `,"crit":[]`), claims), token.ErrMalformed,
		},
		{
			"a crit that is null", a.insider.token(a.header("ES256", `,"crit":null`), claims),
			token.ErrMalformed,
		},
		{
			"b64 that is critical",
			a.insider.token(a.header("ES256", `,"b64":false,"crit":["b64"]`), claims),
			token.ErrMalformed,
		},
		{
			"b64 that is not", a.insider.token(a.header("ES256", `,"b64":false`), claims),
			token.ErrMalformed,
		},
		{
			"another typ",
			a.insider.token(strings.Replace(a.header("ES256", ""), "JWT", "at+jwt", 1), claims),
			token.ErrMalformed,
		},
		{"a header that is null", a.insider.token(`null`, claims), token.ErrMalformed},
		{"a header that is an array", a.insider.token(`["ES256"]`, claims), token.ErrMalformed},
		{"a header that is no JSON", a.insider.token(`hello`, claims), token.ErrMalformed},

		{"a JWE", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA", token.ErrMalformed},
		{
			"a JWE whose key takes years to derive (GHSA-2c7c-3mj9-8fqh)", pbes2(""),
			token.ErrMalformed,
		},
		{"a JWE that is a bomb (CVE-2024-28180)", pbes2(`,"zip":"DEF"`), token.ErrMalformed},
		{
			"three parts of such a JWE", strings.TrimSuffix(pbes2(""), ".AAAA.AAAA"),
			token.ErrUnknownKey,
		},
		{
			"a token in a token", a.insider.token(a.header("ES256", `,"cty":"JWT"`), a.valid),
			token.ErrMalformed,
		},
		{
			"the JSON serialisation",
			marshal(t, map[string]any{"payload": body, "protected": head, "signature": signature}),
			token.ErrMalformed,
		},
		{
			"several signatures",
			marshal(t, map[string]any{
				"payload":    body,
				"signatures": []any{map[string]any{"protected": head, "signature": signature}},
			}),
			token.ErrMalformed,
		},

		{"no signature", input + ".", token.ErrMalformed},
		{"no signature and no dot", input, token.ErrMalformed},
		{"no claims", head + ".." + signature, token.ErrMalformed},
		{"no header", "." + body + "." + signature, token.ErrMalformed},
		{
			"the signature of another token", input + "." + b64(string(a.insider.signature("x"))),
			token.ErrSignature,
		},
		{
			"other claims under the signature",
			head + "." + b64(claimsWith("sub", "root")) + "." + signature, token.ErrSignature,
		},
		{
			"a signature of zeros (CVE-2022-21449)", input + "." + b64(string(make([]byte, 64))),
			token.ErrSignature,
		},
		{
			"a signature of r = s = n, the order of the curve",
			input + "." + b64(strings.Repeat(string(elliptic.P256().Params().N.Bytes()), 2)),
			token.ErrSignature,
		},
		{
			"a signature in DER", input + "." + b64(string(a.insider.signatureDER(input))),
			token.ErrSignature,
		},
		{"a short signature", input + "." + b64("short"), token.ErrSignature},
		{
			"a signature with one byte more",
			input + "." + b64(string(append(a.insider.signature(input), 0))), token.ErrSignature,
		},

		{"nothing", "", token.ErrMalformed},
		{"two dots", "..", token.ErrMalformed},
		{"ten thousand dots (CVE-2025-27144)", strings.Repeat(".", 10_000), token.ErrMalformed},
		{"ten million characters", a.valid + strings.Repeat("A", 10_000_000), token.ErrMalformed},
		{"one part more", a.valid + ".AAAA", token.ErrMalformed},
		{"a space before", " " + a.valid, token.ErrMalformed},
		{"a line break after", a.valid + "\n", token.ErrMalformed},
		{"a line break within", input + ".\r\n" + signature, token.ErrMalformed},
		{"padding", a.valid + "==", token.ErrMalformed},
		{"the word Bearer", "Bearer " + a.valid, token.ErrMalformed},
	}
	verifier := newVerifier(t, a.keys)
	if _, err := verifier.Verify(a.valid); err != nil {
		t.Fatalf("the token that the attacks begin with: %v", err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := verifier.Verify(test.raw)
			if took := fastest(func() { _, _ = verifier.Verify(test.raw) }); took > time.Second {
				t.Errorf("refused after %v", took)
			}
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if !reflect.DeepEqual(got, token.Claims{}) {
				t.Errorf("claims %+v", got)
			}
			if err != nil && quotes(err.Error(), test.raw) {
				t.Errorf("the error quotes the token: %v", err)
			}
		})
	}
}

// fastest returns the shortest time of up to five runs, since a busy machine can pause any of them.
func fastest(run func()) time.Duration {
	shortest := time.Duration(math.MaxInt64)
	for i := 0; i < 5 && shortest > time.Second; i++ {
		began := time.Now()
		run()
		shortest = min(shortest, time.Since(began))
	}
	return shortest
}

// pbes2 is a JWE with a password, and a count of hashes that its sender chooses (RFC 7518, section
// 4.8).
func pbes2(more string) string {
	head := `{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"c2FsdHNhbHQ","p2c":2147483647` +
		more + `}`
	return b64(head) + "." + b64(strings.Repeat("k", 24)) + "." + b64("nonce-nonce-") + ".AAAA.AAAA"
}

// quotes reports whether the message has eight characters of a part of the token.
func quotes(message, raw string) bool {
	for part := range strings.SplitSeq(raw, ".") {
		decoded, _ := base64.RawURLEncoding.DecodeString(part)
		for _, text := range []string{part, string(decoded)} {
			for i := 0; i+8 <= min(len(text), 4096); i++ {
				if strings.Contains(message, text[i:i+8]) {
					return true
				}
			}
		}
	}
	return false
}

// A token has one spelling: the last character of a signature has four bits that mean nothing.
func TestOneTokenHasOneForm(t *testing.T) {
	a := newAttack(t)
	verifier := newVerifier(t, a.keys)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	accepted := 0
	for _, last := range alphabet {
		if _, err := verifier.Verify(a.valid[:len(a.valid)-1] + string(last)); err == nil {
			accepted++
		}
	}
	if accepted != 1 {
		t.Errorf("%d last characters are accepted", accepted)
	}
}

func TestARetiredKeyVerifiesNothing(t *testing.T) {
	a := newAttack(t)
	verifier, next := newVerifier(t, a.keys), generateKey(t, token.ES256)
	if err := errors.Join(a.keys.Add(next), a.keys.Promote(next.ID())); err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(a.valid); err != nil {
		t.Errorf("before it is retired: %v", err)
	}
	if err := a.keys.Retire(a.trusted.ID()); err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(a.valid); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("after: error %v", err)
	}
}

// The bound on the length of a token bounds the work of the verifier: a hostile token causes few
// allocations, and no large ones.
func TestRefusingIsCheap(t *testing.T) {
	verifier := newVerifier(t, newKeySet(t, generateKey(t, token.ES256)))
	for raw, mostBytes := range map[string]uint64{
		// CVE-2025-27144 and CVE-2025-30204.
		strings.Repeat(".", 10_000):                    64 << 10,
		strings.Repeat(".", 1<<20):                     64 << 10,
		strings.Repeat("A", 1<<24):                     64 << 10,
		b64(strings.Repeat("[", 1<<16)) + ".AAAA.AAAA": 64 << 10,
		// Shorter than the bound: these are read as JSON.
		b64(strings.Repeat("[", 12_000)) + ".AAAA.AAAA":      1 << 20,
		b64(strings.Repeat(`{"":`, 3_000)) + ".AAAA.AAAA":    1 << 20,
		b64(strings.Repeat(`{"a":1,`, 1_500)) + ".AAAA.AAAA": 1 << 20,
	} {
		const runs, mostAllocations = 10, 100
		refuse := func() { _, _ = verifier.Verify(raw) }
		if allocations := testing.AllocsPerRun(runs, refuse); allocations > mostAllocations {
			t.Errorf("%d bytes, %.20s…: %v allocations", len(raw), raw, allocations)
		}
		// The rest of the process can allocate too, but not during each run.
		allocated := uint64(math.MaxUint64)
		for range runs {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			refuse()
			runtime.ReadMemStats(&after)
			allocated = min(allocated, after.TotalAlloc-before.TotalAlloc)
		}
		if allocated > mostBytes {
			t.Errorf("%d bytes, %.20s…: %d bytes are allocated", len(raw), raw, allocated)
		}
	}
}

// Attacks on JOSE libraries need encrypted tokens, tokens in JSON or unverified claims. This module
// never calls a function that reads them, not even to refuse them.
func TestNothingReadsOtherFormsOfTokens(t *testing.T) {
	dangerous := regexp.MustCompile(`ParseEncrypted|DecryptMulti|ParseSigned\(|ParseSignedJSON|` +
		`ParseDetached|UnsafePayload|UnsafeClaims`)
	files := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(entry.Name(), ".") && path != ".." // .git changes meanwhile
		if entry.IsDir() && (hidden || path == filepath.Join("..", "examples")) {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		source, err := os.ReadFile(path)
		if call := dangerous.Find(source); call != nil {
			t.Errorf("%s calls %s", path, call)
		}
		return err
	})
	if err != nil || files < 50 {
		t.Errorf("read %d files, %v", files, err)
	}
}

func split(raw string) (header, claims, signature string) {
	parts := strings.Split(raw, ".")
	return parts[0], parts[1], parts[2]
}

func marshal(tb testing.TB, v any) string {
	tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}
