package token

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// hasClaim reports whether every token has that claim, in any spelling that a decoder takes for it.
// encoding/json folds the case of names, and of two that match the last one counts: an extra claim
// "acceſs" would replace "access". Its version 2 can be told to ignore dashes and underscores too.
func hasClaim(name string) bool {
	name = strings.NewReplacer("-", "", "_", "").Replace(name)
	return slices.ContainsFunc(claimNames(), func(own string) bool {
		return strings.EqualFold(own, name)
	})
}

// claimNames are those of issuedClaims and receivedClaims.
func claimNames() []string {
	return []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "access"}
}

// maxExtra is far more than the 8 KiB that proxies and registries accept for all headers.
const maxExtra = 16 << 10

// appendExtra adds further claims at the end of a payload, which is a JSON object.
func appendExtra(payload []byte, extra map[string]any) ([]byte, error) {
	payload = payload[:len(payload)-1]
	before := len(payload)
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		switch {
		case name == "" || !utf8.ValidString(name):
			return nil, fmt.Errorf("the name of the extra claim %+q is empty or not UTF-8", name)
		case hasClaim(name):
			return nil, fmt.Errorf("the extra claim %+q would replace one of the token", name)
		}
		member, err := json.Marshal(map[string]any{name: extra[name]})
		if err != nil { // its text may quote the value
			return nil, fmt.Errorf("the extra claim %+q cannot be encoded", name)
		}
		payload = append(append(payload, ','), member[1:len(member)-1]...)
	}
	if size := len(payload) - before; size > maxExtra {
		return nil, fmt.Errorf("the extra claims have %d bytes, more than %d", size, maxExtra)
	}
	return append(payload, '}'), nil
}

// extraOf returns the claims of a payload that have no field of their own in [Claims].
func extraOf(payload []byte) (extra map[string]any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber() // an id of 64 bits must not become another one
	if err := decoder.Decode(&extra); err != nil {
		return nil, err
	}
	for _, name := range claimNames() {
		delete(extra, name)
	}
	if len(extra) == 0 {
		return nil, nil //nolint:nilnil // without extra claims
	}
	return extra, nil
}
