package authn_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
)

const hunter2 authn.Secret = "hunter2"

// No way of printing shows the secret, not even in hexadecimal.
func TestSecretIsNotPrinted(t *testing.T) {
	request := authn.Request{Username: "alice", Password: hunter2}
	printed := map[string]string{}
	for _, verb := range []string{
		"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%10.3s", "%t", "%T-%[1]v", "%!",
	} {
		printed["Sprintf "+verb] = fmt.Sprintf(verb, hunter2)
		printed["a Request by Sprintf "+verb] = fmt.Sprintf(verb, request)
		printed["a pointer to a Request by Sprintf "+verb] = fmt.Sprintf(verb, request)
		printed["a slice by Sprintf "+verb] = fmt.Sprintf(verb, []authn.Secret{hunter2})
		printed["a map by Sprintf "+verb] = fmt.Sprintf(verb, map[string]authn.Secret{"a": hunter2})
	}
	printed["Sprint"] = fmt.Sprint("password: ", hunter2)
	printed["Errorf"] = fmt.Errorf("no such password: %v", hunter2).Error()
	printed["Join"] = errors.Join(fmt.Errorf("%s", hunter2)).Error()

	asJSON, err := json.Marshal(map[string]any{"password": hunter2, "request": request})
	if err != nil {
		t.Fatal(err)
	}
	printed["JSON"] = string(asJSON)
	asXML, err := xml.Marshal(hunter2)
	if err != nil {
		t.Fatal(err)
	}
	printed["XML"] = string(asXML)

	var out bytes.Buffer
	for _, handler := range []slog.Handler{
		slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil),
	} {
		slog.New(handler).Info("login", slog.Any("password", hunter2),
			slog.Any("request", request), slog.Any("pointer", &request))
	}
	printed["slog"] = out.String()
	printed["Resolve"] = slog.AnyValue(hunter2).Resolve().String()
	if kind := slog.AnyValue(hunter2).Resolve().Kind(); kind != slog.KindString {
		t.Errorf("it resolves to a %v, not to a string", kind)
	}

	for how, text := range printed {
		for _, form := range []string{"hunter2", "68756e74", "68 75 6e 74", "104 117"} {
			if strings.Contains(strings.ToLower(text), form) {
				t.Errorf("%s: %s", how, text)
			}
		}
	}
	for _, how := range []string{
		"Sprintf %v", "Sprintf %s", "Sprintf %q", "a Request by Sprintf %+v",
		"Sprint", "Errorf", "JSON", "XML", "slog",
	} {
		if !strings.Contains(printed[how], "***") {
			t.Errorf("%s does not show the stars: %s", how, printed[how])
		}
	}
}

func TestSecretCanBeRead(t *testing.T) {
	if string(hunter2) != "hunter2" {
		t.Error("the conversion to a string does not return the secret")
	}
}
