package section_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/examples/server/internal/section"
)

// withProxies is a configuration with that text as the value of trusted_proxies, or without the
// key.
func withProxies(text string) string {
	settings := "real_ip_header: x-real-ip\n  "
	if text != "" {
		settings += "trusted_proxies: " + text + "\n  "
	}
	return strings.Replace(head, "addr:", settings+"addr:", 1) + "users: {}\nacl: []\n"
}

func TestTrustedProxies(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"addresses and networks": {
			`[192.0.2.1, "2001:db8::1/32"]`,
			[]string{"192.0.2.1/32", "2001:db8::/32"},
		},
		"nobody":                          {`[]`, nil},
		"an IPv4 address written as IPv6": {`["::ffff:192.0.2.1"]`, []string{"192.0.2.1/32"}},
		"an IPv4 network written as IPv6": {`["::ffff:192.0.2.1/120"]`, []string{"192.0.2.0/24"}},
		"the widest networks": {
			`[10.0.0.0/8, "2001::/16"]`,
			[]string{"10.0.0.0/8", "2001::/16"},
		},
		"local networks may be wider": {
			`["fc00::/7", "fd00::/8", "fe80::/10"]`,
			[]string{"fc00::/7", "fd00::/8", "fe80::/10"},
		},
		"a zone is no part of the address": {`["fe80::1%eth0"]`, []string{"fe80::1/128"}},
	} {
		t.Run(name, func(t *testing.T) {
			ip := newFixture(t, withProxies(test.text)).mustLoad().Server.RealIP
			if got := proxies(ip); ip.Header != "X-Real-Ip" || ip.DefaultProxies ||
				!reflect.DeepEqual(got, test.want) {
				t.Errorf("read as %+v, want %v", ip, test.want)
			}
		})
	}
}

func proxies(ip section.RealIP) []string {
	var list []string
	for _, p := range ip.TrustedProxies {
		list = append(list, p.String())
	}
	return list
}

// TestWideProxies: half of the Internet is no network of proxies, and two halves are all of it.
func TestWideProxies(t *testing.T) {
	for _, text := range []string{
		"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/7", "::/0", "8000::/1", "2000::/3",
		"2000::/15", "fc00::/6", "::ffff:0.0.0.0/96", "::ffff:0.0.0.0/97",
	} {
		f := newFixture(t, withProxies(`["`+text+`"]`))
		want := "config.yml:3: trusted_proxies: " + text + " would trust clients too; list the " +
			"proxies, or networks of at least /8 for IPv4 and /16 for IPv6"
		if _, err := f.load(); err == nil || f.relative(err.Error()) != want {
			t.Errorf("%s: error is %v", text, err)
		}
	}
}

// TestProxiesByDefault are on the same machine: anybody in a private network could write the
// header.
func TestProxiesByDefault(t *testing.T) {
	ip := newFixture(t, withProxies("")).mustLoad().Server.RealIP
	if !ip.DefaultProxies {
		t.Error("the list counts as given")
	}
	for text, want := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"10.0.0.1": false, "172.17.0.2": false, "192.168.1.1": false, "fd00::1": false,
		"203.0.113.9": false,
	} {
		trusted := false
		for _, p := range ip.TrustedProxies {
			trusted = trusted || p.Contains(netip.MustParseAddr(text))
		}
		if trusted != want {
			t.Errorf("%s is trusted: %v", text, trusted)
		}
	}
}
