package refresh_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token/refresh"
)

const (
	registry = "registry.example.com"
	day      = 24 * time.Hour
)

func alice() authn.Subject { return authn.Subject{Name: "alice", Stamp: "s1"} }

func key(letter string) authn.Secret { return authn.Secret(strings.Repeat(letter, 32)) }

func newTokens(tb testing.TB, config refresh.Config) *refresh.Tokens {
	tb.Helper()
	if config.Store == nil {
		config.Store = refresh.NewMemoryStore()
	}
	tokens, err := refresh.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	return tokens
}

func issue(tb testing.TB, tokens *refresh.Tokens) (authn.Secret, refresh.Record) {
	tb.Helper()
	text, record, err := tokens.Issue(tb.Context(), alice(), registry, "docker")
	if err != nil {
		tb.Fatal(err)
	}
	return text, record
}

func TestRedeemReturnsTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := newTokens(t, refresh.Config{})
		subject := authn.Subject{
			Name: "alice", Kind: authn.KindServiceAccount, Stamp: "s1",
			Labels: map[string][]string{"group": {"devs"}}, Data: errors.New("own type"),
			ValidUntil: time.Now().Add(1000 * day),
			Limit:      &authn.Limit{Scopes: []scope.Scope{{Type: "repository", Name: "a"}}},
		}
		text, issued, err := tokens.Issue(t.Context(), subject, registry, "docker")
		if err != nil {
			t.Fatal(err)
		}
		want := subject
		want.Labels, want.Data, want.ValidUntil = nil, nil, time.Time{}
		if !reflect.DeepEqual(issued.Subject, want) || issued.Service != registry ||
			issued.ClientID != "docker" {
			t.Errorf("issued %+v, want the subject %+v", issued, want)
		}
		time.Sleep(time.Hour)
		for range 2 { // docker keeps the first token
			got, err := tokens.Redeem(t.Context(), text, registry)
			if err != nil {
				t.Fatal(err)
			}
			issued.LastUsed, issued.IdleAt = time.Now().UTC(), time.Now().UTC().Add(30*day)
			if !reflect.DeepEqual(got, issued) {
				t.Errorf("redeemed %+v\nwant %+v", got, issued)
			}
		}
	})
}

func TestTokensEnd(t *testing.T) {
	often := func(step, end time.Duration) (uses []time.Duration) {
		for at := step; at < end; at += step {
			uses = append(uses, at)
		}
		return uses
	}
	const century = 36500 * day
	endless := refresh.Config{Lifetime: math.MaxInt64, IdleLifetime: math.MaxInt64}
	tests := []struct {
		name   string
		config refresh.Config
		uses   []time.Duration // after the login; all succeed
		end    time.Duration   // after the login
	}{
		{"30 days after the login, unused", refresh.Config{}, nil, 30 * day},
		{"30 days after the last use", refresh.Config{}, []time.Duration{day}, 31 * day},
		{"180 days after the login, used", refresh.Config{}, often(20*day, 180*day), 180 * day},
		{"before the idle end", refresh.Config{Lifetime: day}, nil, day},
		{"at a whole microsecond", refresh.Config{Lifetime: 2999}, nil, 2 * time.Microsecond},
		{"after a century, if endless", endless, often(3650*day, century), century},
	}
	for _, test := range tests {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, late %t", test.name, late), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tokens := newTokens(t, test.config)
					text, _ := issue(t, tokens)
					start := time.Now()
					redeem := func(at time.Duration) error {
						time.Sleep(at - time.Since(start))
						_, err := tokens.Redeem(t.Context(), text, registry)
						return err
					}
					for _, at := range test.uses {
						if err := redeem(at); err != nil {
							t.Fatalf("after %v: %v", at, err)
						}
					}
					if late {
						if err := redeem(test.end); !errors.Is(err, refresh.ErrInvalid) {
							t.Errorf("at the end: error %v, want ErrInvalid", err)
						}
					} else if err := redeem(test.end - time.Microsecond); err != nil {
						t.Errorf("before the end: %v", err)
					}
				})
			})
		}
	}
}

// Stores may count the nanoseconds since 1970 in an int64, or microseconds in a float64.
func TestEndlessTokensEndInATimeThatStoresCanKeep(t *testing.T) {
	tokens := newTokens(t, refresh.Config{Lifetime: math.MaxInt64, IdleLifetime: math.MaxInt64})
	_, record := issue(t, tokens)
	for _, end := range []time.Time{record.ExpiresAt, record.IdleAt} {
		if end.Before(time.Now().Add(36000*day)) || !time.Unix(0, end.UnixNano()).Equal(end) ||
			end.UnixMicro() > 1<<53 {
			t.Errorf("the end is %v", end)
		}
	}
}

func TestATokenEndsWithTheCredentialsOfTheLogin(t *testing.T) {
	for name, test := range map[string]struct {
		validFor, want time.Duration // zero is an error
	}{
		"after the lifetime":       {181 * day, 180 * day},
		"at its end":               {180 * day, 180 * day},
		"before it":                {day, day},
		"within a microsecond":     {day + 999, day},
		"in a microsecond":         {time.Microsecond, time.Microsecond},
		"in less":                  {999, 0},
		"now":                      {0, 0},
		"long ago":                 {-1000 * day, 0},
		"later than the idle time": {40 * day, 40 * day},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tokens, subject := refresh.InMemory(), alice()
				zone := time.FixedZone("", 3600)
				subject.ValidUntil = time.Now().Add(test.validFor).In(zone)
				text, record, err := tokens.Issue(t.Context(), subject, registry, "docker")
				if test.want == 0 {
					if !errors.Is(err, authn.ErrRejected) || text != "" || record.ID != "" {
						t.Errorf("issued %+v, error %v", record, err)
					}
					return
				}
				end := time.Now().UTC().Add(test.want)
				if err != nil || record.ExpiresAt != end {
					t.Fatalf("until %v, error %v, want %v", record.ExpiresAt, err, end)
				}
				for time.Until(end) > 10*day {
					time.Sleep(10 * day)
					if _, err := tokens.Redeem(t.Context(), text, registry); err != nil {
						t.Errorf("at %v: error %v", time.Now(), err)
					}
				}
				time.Sleep(time.Until(end))
				_, err = tokens.Redeem(t.Context(), text, registry)
				if !errors.Is(err, refresh.ErrInvalid) {
					t.Errorf("at the end: error %v", err)
				}
			})
		})
	}
}

// A store has nothing by which to find out that the password has changed.
func TestASubjectWithoutAStampGetsNoToken(t *testing.T) {
	tokens := refresh.InMemory()
	subject := authn.Subject{Name: "alice", Limit: &authn.Limit{}}
	text, record, err := tokens.Issue(t.Context(), subject, registry, "docker")
	if !errors.Is(err, authn.ErrNoLookup) || text != "" || record.ID != "" {
		t.Errorf("issued %+v, error %v", record, err)
	}
	list, err := tokens.List(t.Context(), refresh.Filter{All: true}, "", 10)
	if len(list) != 0 || err != nil {
		t.Errorf("the store has %+v, error %v", list, err)
	}
}

func TestTokensInMemoryAreOfTheirOwn(t *testing.T) {
	tokens := refresh.InMemory()
	text, record := issue(t, tokens)
	if got, err := tokens.Redeem(t.Context(), text, registry); err != nil || got.ID != record.ID {
		t.Errorf("redeemed %+v, error %v", got, err)
	}
	_, err := refresh.InMemory().Redeem(t.Context(), text, registry)
	if !errors.Is(err, refresh.ErrInvalid) {
		t.Errorf("redeemed elsewhere: error %v", err)
	}
}

func TestRedeemRefuses(t *testing.T) {
	tokens := newTokens(t, refresh.Config{})
	text, _ := issue(t, tokens)
	foreign, _ := issue(t, newTokens(t, refresh.Config{}))
	revoked, record := issue(t, tokens)
	if n, err := tokens.Revoke(t.Context(), refresh.Filter{ID: record.ID}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	tests := []struct {
		name    string
		text    authn.Secret
		service string
	}{
		{"a token for another service", text, "other.example.com"},
		{"a token for no service", text, ""},
		{"a token of another server", foreign, registry},
		{"a revoked token", revoked, registry},
		{"an empty token", "", registry},
		{"an access token", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA", registry},
		{"a token without its prefix", text[4:], registry},
		{"a longer token", text + "A", registry},
		{"a shorter token", text[:len(text)-1], registry},
		{"a token with an added line break", text[:20] + "\n" + text[20:], registry},
		{"a token with a line break inside", text[:20] + "\n" + text[21:], registry},
		{"a megabyte", authn.Secret(strings.Repeat("A", 1<<20)), registry},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := tokens.Redeem(t.Context(), test.text, test.service)
			if err != refresh.ErrInvalid { //nolint:errorlint // a wrapped one may tell the reason
				t.Errorf("error %v, want ErrInvalid", err)
			}
			if !reflect.DeepEqual(got, refresh.Record{}) {
				t.Errorf("record %+v, want none", got)
			}
		})
	}
}

// brokenStore fails every operation.
type brokenStore struct{ err error }

func (s brokenStore) Insert(context.Context, refresh.Record, int) error { return s.err }

func (s brokenStore) Use(
	context.Context, [32]byte, string, time.Time, time.Time,
) (refresh.Record, error) {
	return refresh.Record{}, s.err
}

func (s brokenStore) Delete(context.Context, refresh.Filter) (int, error) { return 0, s.err }

func (s brokenStore) List(
	context.Context, refresh.Filter, time.Time, string, int,
) ([]refresh.Record, error) {
	return nil, s.err
}

func TestMalformedTokensDoNotReachTheStore(t *testing.T) {
	broken := errors.New("disk failure")
	tokens := newTokens(t, refresh.Config{Store: brokenStore{broken}, Key: key("k")})
	text, _ := issue(t, newTokens(t, refresh.Config{}))
	for i := range len(text) { // prefix and checksum notice every change
		changed := []byte(text)
		changed[i] ^= 1
		_, err := tokens.Redeem(t.Context(), authn.Secret(changed), registry)
		if !errors.Is(err, refresh.ErrInvalid) {
			t.Errorf("character %d changed: error %v", i, err)
		}
	}
	if _, err := tokens.Redeem(t.Context(), text, registry); !errors.Is(err, broken) {
		t.Errorf("a well-formed token: error %v", err)
	}
}

func TestABrokenStoreIsNeitherRefusalNorSuccess(t *testing.T) {
	broken := errors.New("disk failure")
	tokens := newTokens(t, refresh.Config{Store: brokenStore{broken}, Key: key("k")})
	text, _ := issue(t, newTokens(t, refresh.Config{}))
	secret, record, issueErr := tokens.Issue(t.Context(), alice(), registry, "docker")
	if secret != "" || record.ID != "" {
		t.Error("issue: a token was returned with the error")
	}
	_, redeemErr := tokens.Redeem(t.Context(), text, registry)
	_, revokeErr := tokens.Revoke(t.Context(), refresh.Filter{All: true})
	_, listErr := tokens.List(t.Context(), refresh.Filter{All: true}, "", 1)
	for doing, err := range map[string]error{
		"issue": issueErr, "redeem": redeemErr, "revoke": revokeErr, "list": listErr,
	} {
		if !errors.Is(err, broken) || errors.Is(err, refresh.ErrInvalid) {
			t.Errorf("%s: error %v", doing, err)
		}
	}
}

func TestRevokeAndListRefuseAnEmptyFilter(t *testing.T) {
	tokens := newTokens(t, refresh.Config{})
	text, _ := issue(t, tokens)
	kind := authn.KindUser
	for _, filter := range []refresh.Filter{{}, {Kind: &kind}} {
		if _, err := tokens.Revoke(t.Context(), filter); err == nil {
			t.Errorf("revoke %+v: no error", filter)
		}
		if _, err := tokens.List(t.Context(), filter, "", 1); err == nil {
			t.Errorf("list %+v: no error", filter)
		}
	}
	if _, err := tokens.List(t.Context(), refresh.Filter{All: true}, "", 0); err == nil {
		t.Error("list with the limit 0: no error")
	}
	if _, err := tokens.Redeem(t.Context(), text, registry); err != nil {
		t.Errorf("the token is gone: %v", err)
	}
}

func TestListReturnsPages(t *testing.T) {
	tokens := newTokens(t, refresh.Config{})
	want := make(map[string]bool)
	for range 25 {
		_, record := issue(t, tokens)
		want[record.ID] = true
	}
	after, pages := "", 0
	for ; ; pages++ {
		page, err := tokens.List(t.Context(), refresh.Filter{Subject: "alice"}, after, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			if r.ID <= after || !want[r.ID] {
				t.Errorf("record %s after %q", r.ID, after)
			}
			delete(want, r.ID)
			after = r.ID
		}
		if len(page) < 10 {
			break
		}
	}
	if len(want) > 0 || pages != 2 {
		t.Errorf("%d records are missing from %d pages", len(want), pages+1)
	}
}

// The bound holds for all services together, since a server may issue tokens for any of them.
func TestASubjectHasABoundedNumberOfTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := newTokens(t, refresh.Config{})
		first, _ := issue(t, tokens)
		for i := range 100 {
			time.Sleep(time.Minute)
			service := fmt.Sprintf("registry-%d.example.com", i)
			if _, _, err := tokens.Issue(t.Context(), alice(), service, "docker"); err != nil {
				t.Fatal(err)
			}
		}
		list, err := tokens.List(t.Context(), refresh.Filter{Subject: "alice"}, "", 1000)
		if err != nil || len(list) != 100 {
			t.Errorf("%d tokens, error %v, want 100", len(list), err)
		}
		_, err = tokens.Redeem(t.Context(), first, registry)
		if !errors.Is(err, refresh.ErrInvalid) {
			t.Errorf("the first token: error %v", err)
		}
	})
}

func TestTokensOutliveTheProcessWithTheSameKey(t *testing.T) {
	store := refresh.NewMemoryStore()
	text, _ := issue(t, newTokens(t, refresh.Config{Store: store, Key: key("a")}))
	restarted := newTokens(t, refresh.Config{Store: store, Key: key("a")})
	if _, err := restarted.Redeem(t.Context(), text, registry); err != nil {
		t.Errorf("with the same key: %v", err)
	}
	for name, key := range map[string]authn.Secret{"another key": key("b"), "a random key": ""} {
		tokens := newTokens(t, refresh.Config{Store: store, Key: key})
		_, err := tokens.Redeem(t.Context(), text, registry)
		if !errors.Is(err, refresh.ErrInvalid) {
			t.Errorf("with %s: error %v", name, err)
		}
	}
}

func TestTheRecordDoesNotContainTheToken(t *testing.T) {
	tokens := newTokens(t, refresh.Config{})
	text, record := issue(t, tokens)
	random, err := base64.RawURLEncoding.DecodeString(string(text)[4:])
	if err != nil {
		t.Fatal(err)
	}
	stored := fmt.Sprintf("%+v %s", record, record.Hash[:])
	for _, secret := range []string{string(text), string(text)[4:], string(random[:32])} {
		if strings.Contains(stored, secret) {
			t.Errorf("the record contains %q", secret)
		}
	}
	if strings.Contains(string(text), record.ID) {
		t.Error("the token contains the ID")
	}
}

func TestTimesAreWholeMicroseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := newTokens(t, refresh.Config{Lifetime: day + 1, IdleLifetime: time.Hour + 1})
		time.Sleep(123_456_789)
		text, issued := issue(t, tokens)
		time.Sleep(987_654_321)
		redeemed, err := tokens.Redeem(t.Context(), text, registry)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []refresh.Record{issued, redeemed} {
			for _, at := range []time.Time{r.IssuedAt, r.LastUsed, r.ExpiresAt, r.IdleAt} {
				if at.Nanosecond()%1000 != 0 || at.Location() != time.UTC {
					t.Errorf("the time %v", at)
				}
			}
		}
	})
}

func TestNewChecksTheConfiguration(t *testing.T) {
	store := refresh.NewMemoryStore()
	for name, config := range map[string]refresh.Config{
		"no store":                   {Key: key("k")},
		"a short key":                {Store: store, Key: key("k")[1:]},
		"no key for a lasting store": {Store: brokenStore{}},
		"a negative idle lifetime":   {Store: store, IdleLifetime: -1},
		"a negative lifetime":        {Store: store, Lifetime: -1},
		"a negative limit":           {Store: store, MaxPerSubject: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := refresh.New(config); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestIssueNeedsASubjectAndAService(t *testing.T) {
	tokens := newTokens(t, refresh.Config{})
	text, _, err := tokens.Issue(t.Context(), authn.Subject{}, registry, "docker")
	if err == nil || text != "" {
		t.Error("the anonymous subject got a token")
	}
	if text, _, err = tokens.Issue(t.Context(), alice(), "", "docker"); err == nil || text != "" {
		t.Error("a token was issued for no service")
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	config := refresh.Config{Store: refresh.NewMemoryStore(), Key: key("K")}
	tokens := newTokens(t, config)
	text, record := issue(t, tokens)
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		for _, value := range []any{config, &config, tokens, *tokens, text, record, &record} {
			fmt.Fprintf(&b, verb, value)
		}
	}
	for _, logger := range []*slog.Logger{
		slog.New(slog.NewTextHandler(&b, nil)), slog.New(slog.NewJSONHandler(&b, nil)),
	} {
		logger.Info("test", slog.Any("config", config), slog.Any("tokens", tokens),
			slog.Any("text", text), slog.Any("record", record))
	}
	if err := json.NewEncoder(&b).Encode([]any{config, tokens, text, record}); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{
		string(text), fmt.Sprintf("%x", string(text)), fmt.Sprintf("%X", string(text)),
		"KKKK", "4b4b4b4b", "4B4B4B4B", "75 75 75 75", "0x4b, 0x4b",
	} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("%q was printed", secret)
		}
	}
}

// The issued text is the only one that is redeemed. Any other is ErrInvalid, with the zero record.
func FuzzRedeem(f *testing.F) {
	tokens := newTokens(f, refresh.Config{})
	issued, _ := issue(f, tokens)
	f.Add(string(issued))
	f.Add(string(issued) + "\n")
	f.Add("rt1_" + strings.Repeat("A", 48))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		record, err := tokens.Redeem(t.Context(), authn.Secret(text), registry)
		switch {
		case text == string(issued):
			if err != nil || record.Subject.Name != "alice" {
				t.Errorf("the issued token: %+v, %v", record, err)
			}
		case !errors.Is(err, refresh.ErrInvalid) || record.ID != "":
			t.Errorf("%q: %+v, %v", text, record, err)
		}
	})
}
