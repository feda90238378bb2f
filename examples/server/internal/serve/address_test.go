package serve

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/examples/server/internal/section"
)

func TestClientAddress(t *testing.T) {
	const header = "X-Forwarded-For"
	at := func(position int) *int { return &position }
	listed := section.RealIP{
		Header: header,
		TrustedProxies: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/8"),
			netip.MustParsePrefix("192.0.2.1/32"),
		},
	}
	first, last, third := listed, listed, listed
	first.Position, last.Position, third.Position = at(0), at(-1), at(2)
	defaults := section.RealIP{
		Header:         header,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		DefaultProxies: true,
	}
	for name, test := range map[string]struct {
		cfg    section.RealIP
		peer   string
		header []string
		want   string // empty: not known; "refused": an error
	}{
		"without a header setting": {
			section.RealIP{},
			"10.0.0.1:5",
			[]string{"203.0.113.9"},
			"10.0.0.1",
		},
		"a trusted proxy": {
			listed,
			"10.0.0.1:5",
			[]string{"203.0.113.9"},
			"203.0.113.9",
		},
		"another trusted proxy": {
			listed,
			"192.0.2.1:5",
			[]string{"203.0.113.9"},
			"203.0.113.9",
		},
		"a peer that is no proxy is the client": {
			listed,
			"198.51.100.7:5",
			[]string{"203.0.113.9"},
			"198.51.100.7",
		},
		"a peer that is no proxy needs no header": {
			listed,
			"198.51.100.7:5",
			nil,
			"198.51.100.7",
		},
		"more hops than there are proxies": {
			listed,
			"10.0.0.1:5",
			[]string{strings.Repeat("203.0.113.9,", maxHops) + "203.0.113.9"},
			"refused",
		},
		"as many hops as may be": {
			listed,
			"10.0.0.1:5",
			[]string{strings.Repeat("203.0.113.9,", maxHops-1) + "203.0.113.9"},
			"203.0.113.9",
		},
		"a proxy without the header": {listed, "10.0.0.1:5", nil, "refused"},
		"a proxy with an empty header": {
			listed,
			"10.0.0.1:5",
			[]string{""},
			"refused",
		},
		"a proxy with something else": {
			listed,
			"10.0.0.1:5",
			[]string{"unknown"},
			"refused",
		},
		"what the client wrote before the proxy": {
			listed,
			"10.0.0.1:5",
			[]string{"127.0.0.1, 203.0.113.9"},
			"203.0.113.9",
		},
		"what the client sent in a line of its own": {
			listed,
			"10.0.0.1:5",
			[]string{"127.0.0.1", "203.0.113.9"},
			"203.0.113.9",
		},
		"several proxies": {
			listed,
			"10.0.0.1:5",
			[]string{"6.6.6.6, 203.0.113.9, 10.1.1.1, 192.0.2.1"},
			"203.0.113.9",
		},
		"nothing but proxies": {
			listed,
			"10.0.0.1:5",
			[]string{"10.2.2.2, 10.1.1.1"},
			"10.2.2.2",
		},
		"a hop that cannot be read is where it ends": {
			listed,
			"10.0.0.1:5",
			[]string{"203.0.113.9, ?, 10.1.1.1"},
			"refused",
		},
		"with a port": {
			listed,
			"10.0.0.1:5",
			[]string{"203.0.113.9:4711"},
			"203.0.113.9",
		},
		"IPv6": {
			listed,
			"10.0.0.1:5",
			[]string{"2001:db8::1"},
			"2001:db8::1",
		},
		"IPv6 with a port": {
			listed,
			"10.0.0.1:5",
			[]string{"[2001:db8::1]:4711"},
			"2001:db8::1",
		},
		"IPv6 in brackets": {
			listed,
			"10.0.0.1:5",
			[]string{"[2001:db8::1]"},
			"2001:db8::1",
		},
		"IPv4 in IPv6": {
			listed,
			"[::ffff:10.0.0.1]:5",
			[]string{"::ffff:203.0.113.9"},
			"203.0.113.9",
		},
		"a zone is no part of it": {
			listed,
			"10.0.0.1:5",
			[]string{"fe80::1%eth0"},
			"fe80::1",
		},
		"the first position": {
			first,
			"10.0.0.1:5",
			[]string{"6.6.6.6, 203.0.113.9"},
			"6.6.6.6",
		},
		"the last position": {
			last,
			"10.0.0.1:5",
			[]string{"6.6.6.6, 203.0.113.9"},
			"203.0.113.9",
		},
		"a position that is not there": {
			third,
			"10.0.0.1:5",
			[]string{"6.6.6.6, 203.0.113.9"},
			"refused",
		},
		"a position before the first": {
			section.RealIP{Header: header, TrustedProxies: listed.TrustedProxies, Position: at(-3)},
			"10.0.0.1:5",
			[]string{"6.6.6.6, 203.0.113.9"},
			"refused",
		},
		"no position in an empty header": {last, "10.0.0.1:5", nil, "refused"},
		"without a list, the peer's own word": {
			defaults,
			"10.0.0.1:5",
			[]string{"6.6.6.6, 10.3.3.3"},
			"10.3.3.3",
		},
		"a Unix socket": {
			listed,
			"@",
			[]string{"203.0.113.9"},
			"203.0.113.9",
		},
		"a Unix socket without a header setting":           {section.RealIP{}, "@", nil, ""},
		"a Unix socket whose proxy does not say who it is": {listed, "@", nil, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
			r.RemoteAddr = test.peer
			for _, line := range test.header {
				r.Header.Add(header, line)
			}
			got, err := clientAddress(test.cfg, r)
			text := ""
			switch {
			case err != nil && got.IsValid():
				t.Errorf("an error with the address %v", got)
			case err != nil:
				text = "refused"
			case got.IsValid():
				text = got.String()
			}
			if text != test.want {
				t.Errorf("address is %q, %v, want %q", text, err, test.want)
			}
		})
	}
}

// FuzzClientAddress: no header and no position makes it panic, and what is not refused is an
// address of the header.
func FuzzClientAddress(f *testing.F) {
	f.Add("1.2.3.4, 5.6.7.8", 0)
	f.Add("", 1)
	f.Add("[::1]:5,,", -9)
	f.Fuzz(func(t *testing.T, header string, position int) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.RemoteAddr = "10.0.0.1:5"
		r.Header["X-Forwarded-For"] = []string{header}
		cfg := section.RealIP{
			Header:         "X-Forwarded-For",
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		}
		for _, p := range []*int{nil, &position} {
			cfg.Position = p
			if got, err := clientAddress(cfg, r); (err == nil) != got.IsValid() {
				t.Errorf("address is %v, %v", got, err)
			}
		}
	})
}

// A reload changes whose word counts, for the check of the request and for what the audit says.
func TestTrustedProxiesAreReloaded(t *testing.T) {
	with := func(proxy string) string {
		return strings.Replace(
			base,
			"server:\n",
			"server:\n  real_ip_header: X-Real-Ip\n  trusted_proxies: ["+proxy+"]\n",
			1,
		)
	}
	f := newFixture(t, with("127.0.0.1"))
	const client = "192.0.2.7"
	ask := func(want string) {
		t.Helper()
		before := len(f.log.String())
		f.granted(f.get(devs, func(r *http.Request) { r.Header.Set("X-Real-Ip", client) }))
		logged := f.log.String()[before:]
		if !slices.Contains(strings.Fields(logged), "request.remote_addr="+want) {
			t.Errorf("want the address %s: %s", want, logged)
		}
	}
	ask(client)
	f.write(with("192.0.2.1"))
	if _, err := f.reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask("127.0.0.1")
}
