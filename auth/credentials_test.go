package auth_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/auth"
	"github.com/berthpass/registry-auth/authn"
)

// session are credentials of another kind than a name and a password.
type session struct{ cookie string }

// sessions is a source of sessions and users. It counts how often it is asked.
type sessions struct {
	users

	asked int
	seen  authn.Request
}

func (s *sessions) Authenticate(ctx context.Context, r authn.Request) (authn.Subject, error) {
	s.asked++
	s.seen = r
	other, ok := r.Other.(session)
	switch {
	case !ok:
		return s.users.Authenticate(ctx, r)
	case r.Username != "" || r.Password != "":
		panic("a session and a password")
	case other.cookie == "cookie of alice":
		return s.subject("alice"), nil
	case other.cookie == "cookie of the panicking":
		panic("a bug in the source")
	case other.cookie == "cookie of the broken":
		return authn.Subject{}, errSourceDown
	case other.cookie == "cookie of the disabled":
		return authn.Subject{}, authn.ErrRejected
	default:
		return authn.Subject{}, authn.ErrNoMatch
	}
}

// newSessionFixture is a server whose hook returns these credentials, if they are not nil.
func newSessionFixture(t *testing.T, found *authn.Request) (*fixture, *sessions) {
	t.Helper()
	source := &sessions{}
	f := newLocalFixture(t, func(cfg *auth.Config) {
		source.users = cfg.Authenticator.(users)
		cfg.Authenticator = source
		cfg.Credentials = func(*http.Request) (authn.Request, bool) {
			if found == nil {
				return authn.Request{Other: session{"cookie of alice"}}, false // does not count
			}
			return *found, true
		}
	})
	return f, source
}

func other(of string) *authn.Request {
	return &authn.Request{Other: session{"cookie of " + of}}
}

func TestCredentialsOfTheHook(t *testing.T) {
	password := &authn.Request{Username: "alice", Password: "wonderland"}
	const alice, admin = "YWxpY2U6d29uZGVybGFuZA==", "YWRtaW46YWRtaW5wYXNz"
	basic := func(credentials string) []string { return []string{"Basic " + credentials} }
	bearer, two := []string{"Bearer x"}, []string{"x", "y"}
	for name, test := range map[string]struct {
		found         *authn.Request
		authorization []string
		status        int
		subject, kind string
	}{
		"a session":                            {other("alice"), nil, 200, "alice", "other"},
		"a password":                           {password, nil, 200, "alice", "other"},
		"a session beside Basic":               {other("alice"), basic(admin), 200, "alice", "other"},
		"a session beside a wrong password":    {other("alice"), basic("YTpi"), 200, "alice", "other"},
		"a session beside a bearer token":      {other("alice"), bearer, 200, "alice", "other"},
		"a session beside an empty header":     {other("alice"), []string{""}, 200, "alice", "other"},
		"a session beside two headers":         {other("alice"), two, 200, "alice", "other"},
		"a password beside that of another":    {password, basic(admin), 200, "alice", "other"},
		"an unknown session":                   {other("nobody"), nil, 401, "", "other"},
		"an unknown session beside Basic":      {other("nobody"), basic(alice), 401, "", "other"},
		"a session of a disabled user":         {other("the disabled"), nil, 401, "", "other"},
		"a session in a store that is down":    {other("the broken"), nil, 503, "", "other"},
		"a session that makes the source fail": {other("the panicking"), nil, 500, "", "other"},
		"no session":                           {nil, nil, 200, "", "none"},
		"no session, but Basic":                {nil, basic(alice), 200, "alice", "basic"},
		"no session, but a bearer token":       {nil, bearer, 401, "", "basic"},
		"no session, but an empty header":      {nil, []string{""}, 400, "", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := newSessionFixture(t, test.found)
			header := http.Header{}
			if test.authorization != nil {
				header["Authorization"] = test.authorization
			}
			r := f.send("", "repository:public/app:pull", header).wantStatus(test.status)
			record := f.lastRecord()
			if record.Credentials != test.kind || record.Subject.Name != test.subject {
				t.Errorf("audited as %q of %q", record.Credentials, record.Subject.Name)
			}
			if test.status == 200 && r.claims(f.issuer).Subject != test.subject {
				t.Errorf("a token for %q", r.claims(f.issuer).Subject)
			}
		})
	}
}

// What the hook returns is checked like HTTP Basic. Credentials that are not one thing are a bug of
// the hook, which must not make a request anonymous.
func TestBadCredentialsOfTheHookNeverReachASource(t *testing.T) {
	cookie, tooLong := session{"cookie of alice"}, authn.Secret(strings.Repeat("a", 8<<10+1))
	for name, found := range map[string]authn.Request{
		"nothing":                          {},
		"only where the client is":         {Service: service, ClientID: "docker"},
		"a user name":                      {Username: "alice"},
		"a password":                       {Password: "wonderland"},
		"a session and a user name":        {Username: "alice", Other: cookie},
		"a session and a password":         {Password: "wonderland", Other: cookie},
		"a session and both":               {Username: "alice", Password: "wonderland", Other: cookie},
		"a colon in the user name":         {Username: "alice:x", Password: "wonderland"},
		"a line break in the user name":    {Username: "alice\n", Password: "wonderland"},
		"a user name that is too long":     {Username: long, Password: "wonderland"},
		"a user name that is not UTF-8":    {Username: "alice\xff", Password: "wonderland"},
		"a NUL in the password":            {Username: "alice", Password: "wonder\x00land"},
		"a password that is too long":      {Username: "alice", Password: tooLong},
		"a password with invalid encoding": {Username: "alice", Password: "wonderland\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			f, source := newSessionFixture(t, &found)
			f.get("service=registry.test", "alice:wonderland").
				wantError(401, "UNAUTHORIZED", "invalid_grant")
			if source.asked > 0 {
				t.Error("the source was asked")
			}
		})
	}
}

// The hook reads credentials only. Where the request comes from is not its to say.
func TestTheServerFillsTheRestOfTheRequest(t *testing.T) {
	f, source := newSessionFixture(t, &authn.Request{
		Other:      session{"cookie of alice"},
		TLS:        &tls.ConnectionState{},
		RemoteAddr: netip.MustParseAddr("192.0.2.1"),
		Service:    "other.test",
		ClientID:   "made up",
	})
	f.get("service=registry.test&client_id=docker", "").wantStatus(200)
	want := authn.Request{
		Other:      session{"cookie of alice"},
		RemoteAddr: netip.MustParseAddr("127.0.0.1"),
		Service:    service,
		ClientID:   "docker",
	}
	if source.seen != want {
		t.Errorf("the source saw %+v, want %+v", source.seen, want)
	}
}

// Only a name that was typed can differ from the account that a client believes to log in to.
func TestTheAccountOfASessionIsNotCompared(t *testing.T) {
	password := &authn.Request{Username: "alice", Password: "wonderland"}
	for _, found := range []*authn.Request{other("alice"), password} {
		f, _ := newSessionFixture(t, found)
		for _, account := range []string{"alice", "admin", "alice@example.com"} {
			r := f.get(form("service", service, "account", account), "").wantStatus(200)
			if subject := r.claims(f.issuer).Subject; subject != "alice" {
				t.Errorf("account=%s makes the subject %q", account, subject)
			}
		}
	}
}

func TestTheHookIsNotAskedAboutAPost(t *testing.T) {
	f := newLocalFixture(t, func(cfg *auth.Config) {
		cfg.Credentials = func(*http.Request) (authn.Request, bool) { panic("a bug in the hook") }
	})
	f.post(passwordForm()).wantStatus(200)
	f.get("service=registry.test", "alice:wonderland").wantError(500, "UNKNOWN", "server_error")
}

// A session has the same refresh tokens as a password.
func TestASessionGetsARefreshToken(t *testing.T) {
	f, _ := newSessionFixture(t, other("alice"))
	issued := f.get("service=registry.test&offline_token=true", "").wantStatus(200).body.RefreshToken
	if issued == "" {
		t.Fatal("no refresh token")
	}
	f.post(refreshForm(issued)).wantStatus(200)
}

func TestOtherCredentialsAreNotLogged(t *testing.T) {
	for _, of := range []string{"alice", "nobody", "the disabled", "the broken", "the panicking"} {
		f, _ := newSessionFixture(t, other(of))
		f.get("service=registry.test&offline_token=true", "")
		record := f.lastRecord()
		record.Log(t.Context(), slog.New(slog.NewTextHandler(f.log, nil)))
		logged := f.log.String() + fmt.Sprintf("%+v", record)
		if !strings.Contains(logged, "other") || strings.Contains(logged, "cookie") {
			t.Errorf("the session of %s is logged as %s", of, logged)
		}
	}
}
