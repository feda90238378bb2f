package acl

import (
	"fmt"
	"testing"
)

// TestStarts checks the beginnings that the index relies on. A pattern without one is always tried.
func TestStarts(t *testing.T) {
	for text, want := range map[string]string{
		"team/app":                         "whole team/app",
		"":                                 "whole ",
		"team/*":                           "team/",
		`te\am/?pp`:                        "team/",
		`a\*b`:                             "whole a*b",
		"*/app":                            "",
		"[ab]/app":                         "",
		"${account}/*":                     "${account} /",
		"${account}":                       "whole ${account} ",
		"${labels:group}-shared/*":         "${labels:group} -shared/",
		"${labels:group}-${labels:tier}/x": "${labels:group} -",
		"team-${account}/*":                "team-",
		"/^team\\/app$/":                   "whole team/app",
		"/^team\\/.+$/":                    "team/",
		"/^teams?/":                        "team",
		"/^${account}\\/.+/":               "${account} /",
		"/^${account}${type}$/":            "${account} ",
		"/^${account}+x/":                  "",
		"/^${account}$/":                   "whole ${account} ",
		"/team/":                           "",
		"/^(a|b)/":                         "",
		"/^a|^b/":                          "",
		"/^a|b/":                           "",
		"/(?i)^team/":                      "",
		"/(?m)^team/":                      "",
		"/^/":                              "",
		"/^team$|x/":                       "",
		"/^a\ufffdb$/":                     "a",
		`/^\x{F0000}$/`:                    "whole \U000F0000",
		"/^\U000F0000${account}/":          "\U000F0000",
		"/^x${account}/":                   "x",
		"/^(x)${account}/":                 "",
		"/^(?P<registry_auth_1>x)$/":       "",
		"/^$/":                             "whole ",
		"/^(?i)${account}x/":               "",
		"/^(?i:${account})x/":              "",
		"/^${account}(?i)x$/":              "${account} ",
		"/^${account}?x/":                  "",
		"/^${account}*x/":                  "",
		"/^${account}{0}x/":                "",
		"/^(${account})?x/":                "",
		"/^(${account}|x)/":                "",
		"/^${account}|^x/":                 "",
		"/^${account}$|^x/":                "",
		"/^(?:${account}|x)$/":             "",
		"/^(?:${account}x|${account}y)$/":  "",
		"/^x${account}?/":                  "x",
		"/^x(${account}|y)$/":              "x",
	} {
		p, err := parsePattern(text, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		begin := p.start
		got := begin.text
		if begin.lead != nil {
			got = fmt.Sprintf("%s %s", begin.lead, got)
		}
		if begin.whole {
			got = "whole " + got
		}
		if got != want {
			t.Errorf("%s begins with %q, want %q", text, got, want)
		}
	}
}
