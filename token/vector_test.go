package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

// The examples of the RFCs, whose keys are public.
const (
	rfc7638Key = `{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`
	rfc7515Key = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	rfc7515JWS = `eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q`
	rfc8032Key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
	rfc8037JWS = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)

func readKey(t *testing.T, jwk string) *Key {
	t.Helper()
	keys, err := ParseJWKS([]byte(`{"keys":[` + jwk + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return keys.Keys()[0]
}

func ed25519Key(t *testing.T) *Key {
	t.Helper()
	public, err := hex.DecodeString(rfc8032Key)
	if err != nil {
		t.Fatal(err)
	}
	x := base64.RawURLEncoding.EncodeToString(public)
	return readKey(t, `{"kty":"OKP","crv":"Ed25519","x":"`+x+`"}`)
}

func TestThumbprintsOfTheRFCs(t *testing.T) {
	tests := []struct {
		name, want string
		key        *Key
	}{
		{
			"RFC 7638, section 3.1", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
			readKey(t, rfc7638Key),
		},
		{"RFC 8037, appendix A.3", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", ed25519Key(t)},
	}
	for _, test := range tests {
		if test.key.ID() != test.want {
			t.Errorf("%s: %s, want %s", test.name, test.key.ID(), test.want)
		}
	}
}

func TestSignaturesOfTheRFCs(t *testing.T) {
	tests := []struct {
		name, jws, payload string
		key                *Key
	}{
		{
			"RFC 7515, appendix A.3",
			rfc7515JWS,
			"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}",
			readKey(t, rfc7515Key),
		},
		{"RFC 8037, appendix A.4", rfc8037JWS, "Example of Ed25519 signing", ed25519Key(t)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			header, err := parseHeader(test.jws)
			if err != nil {
				t.Fatal(err)
			}
			payload, err := test.key.verify(test.jws, header.Algorithm)
			if err != nil || !bytes.Equal(payload, []byte(test.payload)) {
				t.Errorf("payload %q, error %v", payload, err)
			}
			flipped := strings.Replace(test.jws, ".", ".A", 1)
			if payload, err := test.key.verify(flipped, header.Algorithm); err == nil ||
				payload != nil {
				t.Errorf("another payload: %q, error %v", payload, err)
			}
		})
	}
}

// The keys and signatures of RFC 6979, appendix A.2, for the message "sample".
func TestECDSASignaturesNeedNoRandomness(t *testing.T) {
	tests := []struct {
		name      string
		curve     elliptic.Curve
		key, want string
	}{
		{
			"A.2.5, SHA-256", elliptic.P256(), "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
			"EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716" +
				"F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
		},
		{
			"A.2.6, SHA-384", elliptic.P384(), "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
			"94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46" +
				"99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
		},
		{
			"A.2.7, SHA-512", elliptic.P521(), "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
			"00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA" +
				"00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			scalar, err := hex.DecodeString(test.key)
			if err != nil {
				t.Fatal(err)
			}
			private, err := ecdsa.ParseRawPrivateKey(test.curve, scalar)
			if err != nil {
				t.Fatal(err)
			}
			key, err := NewKey(private)
			if err != nil {
				t.Fatal(err)
			}
			signature, err := key.signature([]byte("sample"))
			if got := strings.ToUpper(hex.EncodeToString(signature)); err != nil ||
				got != test.want {
				t.Errorf("%s, error %v; want %s", got, err, test.want)
			}
		})
	}
}
