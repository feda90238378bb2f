package acl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ParseJSON reads a list of rules, an array of objects. It is strict where encoding/json is not: a key that is not known, in
// exactly this case, a key that is there twice and a null are errors. The error joins a *[RuleError] for each rule that is
// wrong; one that is about no rule, as that the text is not JSON, is of another type.
func ParseJSON(data []byte) ([]Rule, error) {
	var texts []json.RawMessage
	if err := json.Unmarshal(data, &texts); err != nil {
		return nil, fmt.Errorf("acl: read rules: %w", err)
	}
	if texts == nil {
		return nil, errors.New("acl: read rules: null, where a list belongs")
	}
	rules := make([]Rule, len(texts))
	var mistakes []error
	for i, text := range texts {
		if err := parseRule(text, &rules[i]); err != nil {
			err.Number = i + 1
			mistakes = append(mistakes, err)
		}
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return rules, nil
}

func parseRule(text []byte, r *Rule) *RuleError {
	if key, err := checkKeys(text); err != nil {
		return &RuleError{Key: key, Err: err}
	}
	err := json.Unmarshal(text, r)
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mismatch) && mismatch.Field != "":
		return &RuleError{Key: mismatch.Field, Err: fmt.Errorf("a %s, where a %s belongs", mismatch.Value, mismatch.Type)}
	case err != nil:
		return &RuleError{Key: "rule", Err: errors.New("not an object")}
	default:
		return nil
	}
}

// knownKeys returns the keys of the object at a path of keys, or nil where any key may be.
func knownKeys(path string) []string {
	switch path {
	case "":
		return []string{"match", "actions", "comment", "require_account"}
	case "match":
		return []string{"account", "type", "name", "service", "ip", "labels"}
	default:
		return nil
	}
}

// checkKeys finds keys of a rule that are unknown or there twice, and nulls. The text is known to be well-formed.
func checkKeys(text []byte) (key string, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	token, err := decoder.Token()
	if err != nil || token != json.Delim('{') {
		return "rule", errors.New("not an object")
	}
	return checkObject(decoder, "")
}

// checkObject reads the rest of the object at path. It goes no deeper than rules do.
func checkObject(decoder *json.Decoder, path string) (key string, err error) {
	known := knownKeys(path)
	seen := make(map[string]bool)
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return path, err
		}
		name, _ := token.(string)
		key := name
		if path != "" {
			key = path + "." + name
		}
		switch {
		case known != nil && !slices.Contains(known, name):
			return key, errors.New("unknown key")
		case seen[name]:
			return key, errors.New("the key is there twice")
		}
		seen[name] = true
		if key, err := checkValue(decoder, key); err != nil {
			return key, err
		}
	}
	_, err = decoder.Token() // the closing brace
	return path, err
}

func checkValue(decoder *json.Decoder, path string) (key string, err error) {
	var text json.RawMessage
	if path != "match" && path != "match.labels" {
		err = decoder.Decode(&text)
		if err == nil && bytes.Contains(text, []byte("null")) && holdsNull(text) {
			err = errors.New("null; leave the key out, or write an empty string or list")
		}
		return path, err
	}
	token, err := decoder.Token()
	switch {
	case err != nil:
		return path, err
	case token == nil:
		return path, errors.New("null; leave the key out, or write an empty object")
	case token == json.Delim('{'):
		return checkObject(decoder, path)
	default:
		return path, errors.New("not an object")
	}
}

// holdsNull reports whether a value is null or has one in it.
func holdsNull(text []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) || err != nil {
			return false
		}
		if token == nil {
			return true
		}
	}
}
