package acl

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// ParseJSON reads rules from a JSON array of objects. Unlike encoding/json it refuses unknown keys,
// keys in another case, duplicate keys and null. The error joins one *[RuleError] for each wrong
// rule. It contains none if the text is not a JSON array.
func ParseJSON(data []byte) ([]Rule, error) {
	var texts []json.RawMessage
	if err := json.Unmarshal(data, &texts); err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if texts == nil {
		return nil, errors.New("read rules: null instead of a list")
	}
	rules := make([]Rule, len(texts))
	var mistakes []error
	for i, text := range texts {
		if key, err := parseRule(text, &rules[i]); err != nil {
			key = cmp.Or(key, "rule")
			mistakes = append(mistakes, &RuleError{Number: i + 1, Key: key, Err: err})
		}
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return rules, nil
}

func parseRule(text []byte, r *Rule) (key string, err error) {
	if key, err := checkValue(json.NewDecoder(bytes.NewReader(text)), ""); err != nil {
		return key, err
	}
	err = json.Unmarshal(text, r)
	if mismatch := (*json.UnmarshalTypeError)(nil); errors.As(err, &mismatch) {
		return mismatch.Field, errors.New("unexpected " + mismatch.Value)
	}
	return "", err
}

// checkValue checks the keys of a value and returns the key with the mistake. The text is known to
// be valid JSON.
func checkValue(d *json.Decoder, path string) (key string, err error) {
	token, err := d.Token()
	switch {
	case err != nil:
		return path, err
	case token == nil:
		return path, errors.New("unexpected null")
	case token == json.Delim('{'):
		return checkObject(d, path)
	case token == json.Delim('['):
		for d.More() {
			if key, err := checkValue(d, path); err != nil {
				return key, err
			}
		}
		_, err = d.Token()
	}
	return path, err
}

// checkObject checks the object at path, whose opening brace has been read.
func checkObject(d *json.Decoder, path string) (key string, err error) {
	var known []string
	switch path {
	case "":
		known = []string{"match", "actions", "comment", "require_account"}
	case "match":
		known = []string{"account", "type", "name", "service", "ip", "labels"}
	case "match.labels":
	default:
		return path, errors.New("unexpected object")
	}
	seen := make(map[json.Token]bool)
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return path, err
		}
		key := fmt.Sprint(name)
		if path != "" {
			key = path + "." + key
		}
		switch {
		case known != nil && !slices.Contains(known, fmt.Sprint(name)):
			return key, errors.New("unknown key")
		case seen[name]:
			return key, errors.New("duplicate key")
		}
		seen[name] = true
		if key, err := checkValue(d, key); err != nil {
			return key, err
		}
	}
	_, err = d.Token()
	return path, err
}
