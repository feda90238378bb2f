package authn_test

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/authntest"
	"github.com/berthpass/registry-auth/authn/throttle"
)

// A tokenTable is a table of tokens by ID. A token is its ID, a dot and a secret.
type tokenTable map[string]tokenRow

type tokenRow struct {
	hash    string
	subject authn.Subject
	err     error
}

func splitAtDot(r authn.Request) (id string, secret authn.Secret, ok bool) {
	id, text, ok := strings.Cut(string(r.Password), ".")
	return id, authn.Secret(text), ok
}

func (t tokenTable) find(_ context.Context, id string) (authn.Subject, string, error) {
	row, known := t[id]
	if !known {
		return authn.Subject{}, "", authn.ErrNoMatch
	}
	return row.subject, row.hash, row.err
}

func (t tokenTable) source() authn.Authenticator { return authn.Tokens(splitAtDot, t.find) }

func tokenOf(secret authn.Secret, subject authn.Subject) tokenRow {
	return tokenRow{hash: authn.HashToken(secret), subject: subject}
}

func withToken(token authn.Secret) authn.Request {
	return authn.Request{Username: "token", Password: token}
}

func TestTokensKeepTheContract(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	cached := func(a authn.Authenticator) authn.Authenticator {
		return authn.Cache(a, authn.CacheConfig{Logger: quiet})
	}
	others := tokenTable{"key_1": tokenOf("other", authn.Subject{Name: "other"})}.source()
	for name, decorate := range map[string]func(authn.Authenticator) authn.Authenticator{
		"alone":          func(a authn.Authenticator) authn.Authenticator { return a },
		"behind a Cache": cached,
		"in a Chain": func(a authn.Authenticator) authn.Authenticator {
			otherKind := authn.Tokens(func(authn.Request) (id string, secret authn.Secret, ok bool) {
				return "", "", false
			}, tokenTable{}.find)
			return authn.Chain(otherKind, a, others)
		},
		"behind a throttle": func(a authn.Authenticator) authn.Authenticator {
			return throttle.New(cached(a), throttle.Config{RefusalDelay: -1})
		},
	} {
		t.Run(name, func(t *testing.T) { tokensKeepTheContract(t, decorate) })
	}
}

func tokensKeepTheContract(t *testing.T, decorate func(authn.Authenticator) authn.Authenticator) {
	t.Helper()
	soon := time.Now().Add(time.Hour)
	full := authn.Subject{Name: "alice", Labels: map[string][]string{"group": {"devs"}}, Data: 1}
	readOnly := authn.Subject{Name: "alice", Limit: pullOnly(), ValidUntil: soon, Data: 2}
	robot := authn.Subject{Name: "robot", Kind: authn.KindServiceAccount}
	table := tokenTable{
		"key_1": tokenOf("looking", full), "key_2": tokenOf("glass", readOnly),
		"key_3": tokenOf("tin", robot),
		"old":   tokenOf("tin", authn.Subject{Name: "robot", ValidUntil: time.Now()}),
		"off":   {authn.HashToken("tin"), robot, authn.ErrRejected},
		"null":  {"", robot, nil},
	}
	var down error
	find := func(ctx context.Context, id string) (authn.Subject, string, error) {
		if err := cmp.Or(down, ctx.Err()); err != nil {
			return authn.Subject{}, "", err
		}
		return table.find(ctx, id)
	}
	authntest.Run(t, authntest.Suite{
		Source: decorate(authn.Tokens(splitAtDot, find)),
		Logins: []authntest.Login{
			{Request: withToken("key_1.looking"), Subject: full},
			{Request: withToken("key_2.glass"), Subject: readOnly},
			{Request: withToken("key_3.tin"), Subject: robot},
			{Request: authn.Request{Username: "any", Password: "key_3.tin"}, Subject: robot},
		},
		Wrong: []authn.Request{
			withToken("key_1.glass"), withToken("key_1.looking."), withToken("old.tin"),
			withToken(
				"off.tin",
			), withToken("null.tin"), withToken("key_1." + authn.Secret(table["key_1"].hash)),
		},
		Unknown: []authn.Request{
			withToken("key_9.looking"), withToken("wonderland"), withToken("key_1."),
			withToken(".looking"), withToken("key_1"),
		},
		Change: func() authn.Request {
			table["key_1"] = tokenOf("jabberwocky", full)
			return withToken("key_1.jabberwocky")
		},
		Break: func() { down = errors.New("the database is down") },
	})
}

func TestTokensReturnNoSubjectWithAnError(t *testing.T) {
	broken := errors.New("the database is down")
	alice := authn.Subject{Name: "alice"}
	source := tokenTable{
		"broken":   {authn.HashToken("x"), alice, broken},
		"off":      {authn.HashToken("x"), alice, authn.ErrRejected},
		"gone":     {authn.HashToken("x"), alice, authn.ErrNoMatch},
		"nameless": tokenOf("x", authn.Subject{Stamp: "1"}),
	}.source()
	for id, want := range map[string]error{
		"broken": broken, "off": authn.ErrRejected, "gone": authn.ErrNoMatch, "nameless": nil,
	} {
		subject, err := source.Authenticate(t.Context(), withToken(authn.Secret(id+".x")))
		isOutage := !errors.Is(err, authn.ErrRejected) && !errors.Is(err, authn.ErrNoMatch)
		if err == nil || want != nil && !errors.Is(err, want) || want == nil && !isOutage {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
		if !subject.Equal(authn.Subject{}) {
			t.Errorf("%s: %+v comes with an error", id, subject)
		}
	}
}

// proved logs in, which must succeed.
func proved(t *testing.T, source authn.Authenticator, token authn.Secret) authn.Subject {
	t.Helper()
	subject, err := source.Authenticate(t.Context(), withToken(token))
	if err != nil {
		t.Fatal(err)
	}
	return subject
}

// A stamp of a password, or of a source of yours, can look like an ID.
func TestTokensDoNotLookUpStampsOfOthers(t *testing.T) {
	asked := 0
	table := tokenTable{"key_1": tokenOf("x", authn.Subject{Name: "alice"})}
	source := authn.Tokens(
		splitAtDot,
		func(ctx context.Context, id string) (authn.Subject, string, error) {
			asked++
			return table.find(ctx, id)
		},
	)
	own := proved(t, source, "key_1.x").Stamp
	asked = 0
	for _, stamp := range []string{
		"key_1", ":key_1", "1", "token:key_1", "pat_1", " " + own, own[1:], strings.ToUpper(own),
		strings.ReplaceAll(own, ":", " "), strings.ReplaceAll(own, " ", ""),
	} {
		remembered := authn.Subject{Name: "alice", Stamp: stamp}
		_, err := authn.Confirm(t.Context(), source, remembered)
		if !errors.Is(err, authn.ErrNoMatch) || asked != 0 {
			t.Errorf("%q: %v, after %d look-ups", stamp, err, asked)
		}
	}
}

func TestTheStampOfATokenChangesWithEachFact(t *testing.T) {
	row := tokenOf("x", authn.Subject{Name: "alice", Stamp: "1"})
	table := tokenTable{"key_1": row, "key_2": row}
	remembered := proved(t, table.source(), "key_1.x")
	if other := proved(t, table.source(), "key_2.x"); other.Stamp == remembered.Stamp {
		t.Error("two tokens with one secret have the same stamp")
	}
	for name, test := range map[string]struct {
		row  tokenRow
		want error
	}{
		"nothing":         {row, nil},
		"a label":         {tokenOf("x", authn.Subject{Name: "alice", Stamp: "1", Labels: map[string][]string{"a": {"b"}}}), nil},
		"the secret":      {tokenOf("y", row.subject), authn.ErrNoMatch},
		"the own stamp":   {tokenOf("x", authn.Subject{Name: "alice", Stamp: "2"}), authn.ErrNoMatch},
		"the owner":       {tokenOf("x", authn.Subject{Name: "bob", Stamp: "1"}), authn.ErrRejected},
		"it is off":       {tokenRow{row.hash, row.subject, authn.ErrRejected}, authn.ErrNoMatch},
		"it is gone":      {tokenRow{err: authn.ErrNoMatch}, authn.ErrNoMatch},
		"it has expired":  {tokenOf("x", authn.Subject{Name: "alice", Stamp: "1", ValidUntil: time.Now()}), authn.ErrNoMatch},
		"it will expire":  {tokenOf("x", authn.Subject{Name: "alice", Stamp: "1", ValidUntil: time.Now().Add(time.Hour)}), nil},
		"the table fails": {tokenRow{err: context.DeadlineExceeded}, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			table["key_1"] = test.row
			got, err := authn.Confirm(t.Context(), table.source(), remembered)
			if !errors.Is(err, test.want) || got.Anonymous() != (test.want != nil) {
				t.Errorf("Confirm = %+v, %v, want %v", got, err, test.want)
			}
		})
	}
}

// Two tables count their rows from 1.
func TestAChainConfirmsTokensWithTheSameID(t *testing.T) {
	keys := tokenTable{"1": tokenOf("key", authn.Subject{Name: "robot"})}
	personal := tokenTable{
		"1": tokenOf("personal", authn.Subject{Name: "alice", Limit: pullOnly()}),
	}
	passwords := &source{lookup: func(name string) (authn.Subject, error) {
		return authn.Subject{Name: name, Stamp: "password"}, nil
	}}
	chain := authn.Chain(keys.source(), personal.source(), passwords)
	key, token := proved(t, keys.source(), "1.key"), proved(t, personal.source(), "1.personal")
	for i, row := range []tokenRow{keys["1"], {err: authn.ErrRejected}, {err: authn.ErrNoMatch}} {
		keys["1"] = row
		if got, err := authn.Confirm(t.Context(), chain, token); err != nil || !got.Equal(token) {
			t.Errorf("row %d: %+v, %v", i, got, err)
		}
		_, err := authn.Confirm(t.Context(), chain, key)
		if (err == nil) != (i == 0) || err != nil && !errors.Is(err, authn.ErrRejected) {
			t.Errorf("row %d: the key itself: %v", i, err)
		}
	}
}

func TestTheAccountOfATokenIsItsID(t *testing.T) {
	finder, ok := tokenTable{}.source().(authn.AccountFinder)
	if !ok {
		t.Fatal("it is no AccountFinder")
	}
	for token, want := range map[authn.Secret]string{"key_1.guess": "key_1", "wonderland": ""} {
		if got := finder.Account(t.Context(), withToken(token)); got != want {
			t.Errorf("%s: %q, want %q", string(token), got, want)
		}
	}
}

func TestHashTokenIsSHA256(t *testing.T) {
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2
	if got := authn.HashToken("abc"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTokensPanicsOnNil(t *testing.T) {
	for name, build := range map[string]func(){
		"split": func() { authn.Tokens(nil, tokenTable{}.find) },
		"find":  func() { authn.Tokens(splitAtDot, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got := recover(); got != "authn.Tokens: a function is nil" {
					t.Errorf("recovered %v", got)
				}
			}()
			build()
		})
	}
}
