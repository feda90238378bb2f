package token_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
)

var aliceGrant = token.RefreshGrant{
	Subject: "alice", SubjectKind: "user", SubjectStamp: "s1", Service: "registry.example.com", ClientID: "docker",
}

func newRefreshTokens(tb testing.TB, config token.RefreshConfig) *token.RefreshTokens {
	tb.Helper()
	if config.Store == nil {
		config.Store = token.NewRefreshMemory()
	}
	tokens, err := token.NewRefreshTokens(config)
	if err != nil {
		tb.Fatal(err)
	}
	return tokens
}

func issueRefresh(tb testing.TB, tokens *token.RefreshTokens, grant token.RefreshGrant) (token.Secret, token.RefreshRecord) {
	tb.Helper()
	text, record, err := tokens.Issue(tb.Context(), grant)
	if err != nil {
		tb.Fatal(err)
	}
	return text, record
}

func TestRefreshTokenIsRedeemed(t *testing.T) {
	clock := newClock()
	tokens := newRefreshTokens(t, token.RefreshConfig{Now: clock.Now})
	text, issued := issueRefresh(t, tokens, aliceGrant)
	clock.Advance(time.Hour)
	for range 2 { // not rotated: docker keeps the first one for ever
		got, err := tokens.Redeem(t.Context(), text, aliceGrant.Service)
		if err != nil {
			t.Fatal(err)
		}
		want := issued
		want.LastUsed, want.IdleAt = clock.Now(), clock.Now().Add(token.DefaultRefreshIdleLifetime)
		if got != want {
			t.Errorf("redeemed %+v\nwant %+v", got, want)
		}
	}
	if grant := (token.RefreshGrant{
		Subject: issued.Subject, SubjectKind: issued.SubjectKind, SubjectStamp: issued.SubjectStamp,
		Service: issued.Service, ClientID: issued.ClientID,
	}); grant != aliceGrant {
		t.Errorf("the record is of %+v", grant)
	}
}

func TestRefreshTokenEnds(t *testing.T) {
	tests := []struct {
		name string
		uses []time.Duration // each is valid
		end  time.Duration   // the first moment at which it is not
	}{
		{"unused, after the idle lifetime", nil, token.DefaultRefreshIdleLifetime},
		{"used, an idle lifetime after the last use", []time.Duration{24 * time.Hour}, 24*time.Hour + token.DefaultRefreshIdleLifetime},
		{"used all the time, after the whole lifetime", everyTwentyDays(), token.DefaultRefreshLifetime},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clock := newClock()
			tokens := newRefreshTokens(t, token.RefreshConfig{Now: clock.Now})
			text, _ := issueRefresh(t, tokens, aliceGrant)
			begin := clock.Now()
			for _, at := range test.uses {
				clock.Set(begin.Add(at))
				if _, err := tokens.Redeem(t.Context(), text, aliceGrant.Service); err != nil {
					t.Fatalf("after %v: %v", at, err)
				}
			}
			clock.Set(begin.Add(test.end))
			if _, err := tokens.Redeem(t.Context(), text, aliceGrant.Service); !errors.Is(err, token.ErrRefreshInvalid) {
				t.Errorf("after %v: error %v", test.end, err)
			}
		})
	}
}

func everyTwentyDays() (uses []time.Duration) {
	for at := 20 * 24 * time.Hour; at < token.DefaultRefreshLifetime; at += 20 * 24 * time.Hour {
		uses = append(uses, at)
	}
	return uses
}

func TestRefreshTokenIsNotAccepted(t *testing.T) {
	tokens := newRefreshTokens(t, token.RefreshConfig{})
	text, _ := issueRefresh(t, tokens, aliceGrant)
	foreign, _ := issueRefresh(t, newRefreshTokens(t, token.RefreshConfig{}), aliceGrant)
	revoked, record := issueRefresh(t, tokens, aliceGrant)
	if n, err := tokens.Revoke(t.Context(), token.RefreshFilter{ID: record.ID}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	tests := []struct {
		name    string
		text    token.Secret
		service string
	}{
		{"for another service", text, "other.example.com"},
		{"for no service", text, ""},
		{"of another server", foreign, aliceGrant.Service},
		{"after it was revoked", revoked, aliceGrant.Service},
		{"when it is empty", "", aliceGrant.Service},
		{"when it is an access token", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA", aliceGrant.Service},
		{"with one more character", text + "A", aliceGrant.Service},
		{"with one less", text[:len(text)-1], aliceGrant.Service},
		{"with a line break in it", text[:20] + "\n" + text[21:], aliceGrant.Service},
		{"when it is a megabyte", token.Secret(strings.Repeat("A", 1<<20)), aliceGrant.Service},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := tokens.Redeem(t.Context(), test.text, test.service)
			if err != token.ErrRefreshInvalid { //nolint:errorlint // exactly, so that nothing tells the reasons apart
				t.Errorf("error %v", err)
			}
			if got != (token.RefreshRecord{}) {
				t.Errorf("record %+v", got)
			}
		})
	}
}

func TestWhatIsNoRefreshTokenDoesNotReachTheStore(t *testing.T) {
	broken := errors.New("the disk is gone")
	tokens := newRefreshTokens(t, token.RefreshConfig{Store: brokenStore{broken}})
	text, _ := issueRefresh(t, newRefreshTokens(t, token.RefreshConfig{}), aliceGrant)
	for i := range len(text) { // change each character: prefix and checksum notice every one
		changed := []byte(text)
		changed[i] ^= 1
		if _, err := tokens.Redeem(t.Context(), token.Secret(changed), "registry"); !errors.Is(err, token.ErrRefreshInvalid) {
			t.Errorf("character %d changed: error %v", i, err)
		}
	}
	if _, err := tokens.Redeem(t.Context(), text, "registry"); !errors.Is(err, broken) {
		t.Errorf("a well-formed token: error %v", err)
	}
}

func TestABrokenStoreIsNeverARefusalNorASuccess(t *testing.T) {
	broken := errors.New("the disk is gone")
	tokens := newRefreshTokens(t, token.RefreshConfig{Store: brokenStore{broken}})
	text, _ := issueRefresh(t, newRefreshTokens(t, token.RefreshConfig{}), aliceGrant)
	check := func(doing string, err error) {
		t.Helper()
		if !errors.Is(err, broken) || errors.Is(err, token.ErrRefreshInvalid) {
			t.Errorf("%s: error %v", doing, err)
		}
	}
	secret, record, err := tokens.Issue(t.Context(), aliceGrant)
	check("issue", err)
	if secret != "" || record != (token.RefreshRecord{}) {
		t.Error("a token that was not stored is given away")
	}
	_, err = tokens.Redeem(t.Context(), text, aliceGrant.Service)
	check("redeem", err)
	renewed, err := tokens.Renew(t.Context(), text, aliceGrant.Service)
	check("renew", err)
	if renewed != "" {
		t.Error("a token beside an error")
	}
	_, err = tokens.Revoke(t.Context(), token.RefreshFilter{All: true})
	check("revoke", err)
	_, err = tokens.List(t.Context(), token.RefreshFilter{All: true})
	check("list", err)
}

type brokenStore struct{ err error }

func (s brokenStore) Insert(context.Context, token.RefreshRecord, int) error { return s.err }
func (s brokenStore) Use(context.Context, token.RefreshUse) (token.RefreshRecord, error) {
	return token.RefreshRecord{}, s.err
}
func (s brokenStore) Delete(context.Context, token.RefreshFilter) (int, error) { return 0, s.err }
func (s brokenStore) List(context.Context, token.RefreshFilter, time.Time) ([]token.RefreshRecord, error) {
	return nil, s.err
}

func TestRevokeAndListRefuseAnEmptyFilter(t *testing.T) {
	tokens := newRefreshTokens(t, token.RefreshConfig{})
	text, _ := issueRefresh(t, tokens, aliceGrant)
	if _, err := tokens.Revoke(t.Context(), token.RefreshFilter{}); err == nil {
		t.Error("revoke: no error")
	}
	if _, err := tokens.List(t.Context(), token.RefreshFilter{}); err == nil {
		t.Error("list: no error")
	}
	if _, err := tokens.Redeem(t.Context(), text, aliceGrant.Service); err != nil {
		t.Errorf("the token is gone: %v", err)
	}
}

func TestASubjectHasABoundedNumberOfRefreshTokens(t *testing.T) {
	clock := newClock()
	tokens := newRefreshTokens(t, token.RefreshConfig{Now: clock.Now})
	first, _ := issueRefresh(t, tokens, aliceGrant)
	for range token.DefaultRefreshMaxPerSubject {
		clock.Advance(time.Minute)
		issueRefresh(t, tokens, aliceGrant)
	}
	list, err := tokens.List(t.Context(), token.RefreshFilter{Subject: "alice"})
	if err != nil || len(list) != token.DefaultRefreshMaxPerSubject {
		t.Errorf("%d tokens, %v", len(list), err)
	}
	if _, err := tokens.Redeem(t.Context(), first, aliceGrant.Service); !errors.Is(err, token.ErrRefreshInvalid) {
		t.Errorf("the first token: error %v", err)
	}
}

func TestRefreshTokensOutliveTheProcessWithAFixedKey(t *testing.T) {
	store, key := token.NewRefreshMemory(), bytes.Repeat([]byte{7}, 32)
	text, _ := issueRefresh(t, newRefreshTokens(t, token.RefreshConfig{Store: store, Key: key}), aliceGrant)
	restarted := newRefreshTokens(t, token.RefreshConfig{Store: store, Key: key})
	if _, err := restarted.Redeem(t.Context(), text, aliceGrant.Service); err != nil {
		t.Errorf("with the same key: %v", err)
	}
	rekeyed := newRefreshTokens(t, token.RefreshConfig{Store: store, Key: bytes.Repeat([]byte{8}, 32)})
	if _, err := rekeyed.Redeem(t.Context(), text, aliceGrant.Service); !errors.Is(err, token.ErrRefreshInvalid) {
		t.Errorf("with another key: %v", err)
	}
}

func TestTheStoreNeverSeesTheRefreshToken(t *testing.T) {
	tokens := newRefreshTokens(t, token.RefreshConfig{})
	text, record := issueRefresh(t, tokens, aliceGrant)
	list, err := tokens.List(t.Context(), token.RefreshFilter{All: true})
	if err != nil {
		t.Fatal(err)
	}
	random, err := base64.RawURLEncoding.DecodeString(string(text)[4:])
	if err != nil {
		t.Fatal(err)
	}
	stored := fmt.Sprintf("%+v %s", list, list[0].Hash[:])
	for _, secret := range []string{string(text), string(text)[4:], string(random[:32])} {
		if strings.Contains(stored, secret) {
			t.Errorf("the record contains %q", secret)
		}
	}
	if strings.Contains(string(text), record.ID) {
		t.Error("the id is a part of the token")
	}
}

func TestRefreshConfigIsChecked(t *testing.T) {
	store := token.NewRefreshMemory()
	tests := []struct {
		name   string
		config token.RefreshConfig
	}{
		{"no store", token.RefreshConfig{}},
		{"a short key", token.RefreshConfig{Store: store, Key: make([]byte, 31)}},
		{"an empty key, as of a file that was not there", token.RefreshConfig{Store: store, Key: []byte{}}},
		{"a negative idle lifetime", token.RefreshConfig{Store: store, IdleLifetime: -1}},
		{"a negative lifetime", token.RefreshConfig{Store: store, Lifetime: -1}},
		{"a negative number", token.RefreshConfig{Store: store, MaxPerSubject: -1}},
		{"a grace that is too short", token.RefreshConfig{Store: store, Grace: time.Second}},
		{"a grace that is too long", token.RefreshConfig{Store: store, Grace: time.Minute}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := token.NewRefreshTokens(test.config); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestTheAnonymousSubjectGetsNoRefreshToken(t *testing.T) {
	tokens := newRefreshTokens(t, token.RefreshConfig{})
	for _, grant := range []token.RefreshGrant{{Service: "registry"}, {Subject: "alice"}} {
		if text, _, err := tokens.Issue(t.Context(), grant); err == nil || text != "" {
			t.Errorf("%+v: no error", grant)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	key := bytes.Repeat([]byte("K"), 32)
	tokens := newRefreshTokens(t, token.RefreshConfig{Key: key})
	text, _ := issueRefresh(t, tokens, aliceGrant)
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+verb, text, tokens)
		fmt.Fprintf(&b, verb, struct{ Token token.Secret }{text})
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("issued", slog.Any("token", text))
	if err := json.NewEncoder(&b).Encode(text); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{string(text), fmt.Sprintf("%x", string(text)), "KKKK", "4b4b4b4b", "75 75 75 75"} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("%q is printed", secret)
		}
	}
}
