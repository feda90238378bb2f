package acl

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ParseJSON reads rules from a JSON array of objects. Unlike encoding/json it refuses unknown keys,
// keys in another case, duplicate keys and null. It leaves patterns to [Compile]. The error joins
// one *[RuleError] for each wrong rule. It has none if the text is not a JSON array.
func ParseJSON(data []byte) ([]Rule, error) {
	var texts []json.RawMessage
	if err := json.Unmarshal(data, &texts); err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if texts == nil {
		return nil, errors.New("read rules: null instead of an array")
	}
	rules := make([]Rule, len(texts))
	var mistakes []error
	for i, text := range texts {
		if key, err := parseRule(text, &rules[i]); err != nil {
			mistakes = append(mistakes, &RuleError{i + 1, cmp.Or(key, "rule"), err})
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

// checkValue checks the keys in the value at path and returns the key with the mistake. The text is
// valid JSON, so Token does not fail.
func checkValue(d *json.Decoder, path string) (key string, err error) {
	token, _ := d.Token()
	isObject := token == json.Delim('{')
	known, expected := map[string][]string{
		"":             {"match", "actions", "comment", "require_account"},
		"match":        {"account", "type", "name", "service", "ip", "labels"},
		"match.labels": nil, // any key
	}[path]
	switch {
	case token == nil:
		return path, errors.New("unexpected null")
	case isObject && !expected:
		return path, errors.New("unexpected object")
	case !isObject && token != json.Delim('['):
		return "", nil
	}
	seen := make(map[string]bool)
	for d.More() {
		key := path
		if isObject {
			token, _ := d.Token()
			name := fmt.Sprint(token)
			key = strings.TrimPrefix(path+"."+name, ".")
			switch {
			case known != nil && !slices.Contains(known, name):
				return key, errors.New("unknown key")
			case seen[name]:
				return key, errors.New("duplicate key")
			}
			seen[name] = true
		}
		if key, err := checkValue(d, key); err != nil {
			return key, err
		}
	}
	_, err = d.Token()
	return path, err
}
