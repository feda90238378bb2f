package secret_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/internal/secret"
)

func TestMAC(t *testing.T) {
	mac := secret.NewMAC("key")
	want := mac.Sum("ab", "c")
	for name, test := range map[string]struct {
		mac   secret.MAC
		parts []string
		same  bool
	}{
		"the same parts":        {mac, []string{"ab", "c"}, true},
		"the same key":          {secret.NewMAC("key"), []string{"ab", "c"}, true},
		"another key":           {secret.NewMAC("yek"), []string{"ab", "c"}, false},
		"a random key":          {secret.NewMAC(""), []string{"ab", "c"}, false},
		"parts cut differently": {mac, []string{"a", "bc"}, false},
		"one part":              {mac, []string{"abc"}, false},
		"an empty part more":    {mac, []string{"ab", "c", ""}, false},
		"another order":         {mac, []string{"c", "ab"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.mac.Sum(test.parts...); (got == want) != test.same {
				t.Errorf("the hash is the same: %v, want %v", got == want, test.same)
			}
		})
	}
	if first := secret.NewMAC("").Sum("a"); secret.NewMAC("").Sum("a") == first {
		t.Error("two random keys are the same")
	}
}

func BenchmarkMAC(b *testing.B) {
	mac := secret.NewMAC("")
	b.ReportAllocs()
	for b.Loop() {
		mac.Sum("alice", "wonderland")
	}
}

func TestPrintingAMACShowsNoKey(t *testing.T) {
	mac := secret.NewMAC("hunter2")
	for _, printed := range []string{fmt.Sprint(mac), fmt.Sprintf("%+v %#v %v", mac, mac, &mac)} {
		if strings.Contains(printed, "hunter2") || strings.Contains(printed, "68756e74") ||
			strings.Contains(printed, "104 117") || strings.Contains(printed, "0x68, 0x75") {
			t.Errorf("printed as %s", printed)
		}
	}
}
