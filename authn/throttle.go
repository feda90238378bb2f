package authn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"time"
)

// ThrottleConfig says how many wrong passwords are too many. The zero value is a good choice for one process.
type ThrottleConfig struct {
	// AccountAddress is about the failures of one account from one address. By default 10 within 5 minutes are free; then
	// the wait is one second, and doubles with each failure up to 15 minutes.
	AccountAddress ThrottleRule
	// Address is about all failures from one address. By default 100 are free, and the rest is as for AccountAddress.
	Address ThrottleRule
	// Account is about all failures of one account. It only slows down: an address that has not just logged in to the account
	// has to come back after the wait, and is let through then, whatever others do. By default 100 are free, and the wait is
	// one second, and up to 30 seconds.
	Account ThrottleRule
	// AtOnce is how many logins from one address are checked at once, so that one address cannot fill the queue for password checks.
	// Others from there wait for two seconds and are then refused, but not those with trusted credentials, nor those with the
	// credentials that are being checked. The default is half of GOMAXPROCS, and at least 2.
	AtOnce int
	// Hold is the least time that a login takes which is refused without a check, or that could not be checked, so that a flood
	// of them does not take the processors from others. The default is one second; a negative one holds nothing back. It is
	// not measured with Now.
	Hold time.Duration
	// TrustFor is how long after a login an address is trusted with the same credentials. The default is 24 hours.
	TrustFor time.Duration

	// MaxEntries bounds the memory, in which an entry takes 300 to 400 bytes. The default is 100 000, which is 35 MB.
	MaxEntries int
	// Store is where failures are counted. The default is memory of this process. Replicas share one, and Key with it. Which
	// credentials are trusted is not shared: that is for each replica to find out.
	Store ThrottleStore
	// Key is the secret under which accounts, addresses and credentials are hashed before they are counted, 32 random bytes.
	// It is required if replicas are to share a Store, and must not be in the Store. The default is random.
	Key Secret
	// Now is the clock, which tests replace. It is called concurrently. The default is time.Now. Replicas may differ by some
	// seconds.
	Now func() time.Time
	// Logger hears when the Store breaks and when it works again. The default is slog.Default().
	Logger *slog.Logger
}

const (
	defaultTrustFor           = 24 * time.Hour
	defaultHold               = time.Second
	defaultThrottleMaxEntries = 100_000
)

// Throttle returns an authenticator that asks a, and refuses clients with an error that wraps [ErrThrottled] when there were too
// many wrong passwords before: a *[ThrottledError]. It belongs in front of everything else, the [Cache] too:
//
//	users := authn.Throttle(authn.Cache(source, authn.CacheConfig{}), authn.ThrottleConfig{})
//
// Failures are counted by account and address, by address, and by account. An address is one of IPv4, or the first 64 bits of
// one of IPv6. If it is not known, all unknown ones count as one for each account, and the rule for addresses does not
// apply. Behind a proxy the address has to be that of the client, or all clients are one: see RemoteAddr in package auth.
//
// An account is the name that [Lookup] has for what was typed, and what was typed if there is none, without regard to upper and
// lower case. So one account has one count however its name is written, and an unknown user is throttled exactly as a known one.
// Who knows two names of one account, which are not the same but for case, can see that they share a count.
//
// [ErrRejected] and [ErrNoMatch] are failures. All other errors, and requests that were given up, do not count. An attempt is
// counted before a is asked and taken back if it was none, so that many at the same time have no more guesses; for the account it
// counts when it has failed, so that a cluster of which all nodes log in at once is not taken for an attack. The same wrong
// credentials from the same place within a second count once, and a is not asked again; from several places they are one failure of the
// account. Attempts that are refused do not count, and do not prolong the wait.
//
// A right password is not locked out from where it has just been used: the credentials of the last logins of an account from an
// address go through, whatever else is refused. Others at that address can use this for guesses beyond their ten, but only for
// some: a thousand, and one in three seconds after these. If they do, the owner has to wait as well.
//
// A flood costs processors even when all of it is refused. So refusals are held back for a second, and so are logins that could not
// be checked because too many others were being checked, but not those of trusted credentials: who sends the next request when
// the last one is answered can send only so many. No more than a thousand are held back at once; how many connections there are
// is for the server to bound.
//
// Requests without a user name go to a unchanged. The throttle is a Directory; it finds what a finds.
//
// When a shared Store is broken or slow, each process counts in its own memory until it works again. Nobody is let in for it, nor
// locked out: an attacker has at most as many times the guesses as there are replicas.
func Throttle(a Authenticator, cfg ThrottleConfig) Authenticator {
	slow := ThrottleRule{Free: 10, Window: 5 * time.Minute, FirstDelay: time.Second, MaxDelay: 15 * time.Minute}
	many := slow
	many.Free = 100
	short := many
	short.MaxDelay = 30 * time.Second
	if cfg.AtOnce <= 0 {
		cfg.AtOnce = max(2, runtime.GOMAXPROCS(0)/2)
	}
	if cfg.TrustFor <= 0 {
		cfg.TrustFor = defaultTrustFor
	}
	if cfg.Hold == 0 {
		cfg.Hold = defaultHold
	}
	if cfg.MaxEntries <= 0 {
		cfg.MaxEntries = defaultThrottleMaxEntries
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	const tables = throttleKinds + 2 // appointments and trust have one each
	return &throttle{
		source: a,
		now:    cfg.Now,
		mac:    newMACs(cfg.Key),
		rules: throttleRules{
			accountAddress: cfg.AccountAddress.withDefaults(slow),
			account:        cfg.Account.withDefaults(short),
			address:        cfg.Address.withDefaults(many),
		},
		memory:  NewThrottleMemory(cfg.MaxEntries / tables),
		shared:  &sharedStore{store: cfg.Store, logger: cfg.Logger, now: cfg.Now},
		trusted: newTrust(cfg.TrustFor, cfg.MaxEntries/tables),
		turns:   newTurns(cfg.AtOnce),
		pen:     newPen(cfg.Hold),
	}
}

type throttle struct {
	source  Authenticator
	now     func() time.Time
	mac     *macs
	rules   throttleRules
	memory  ThrottleStore
	shared  *sharedStore
	trusted *trust
	turns   *turns
	pen     *pen
}

var (
	_ Authenticator = (*throttle)(nil)
	_ Directory     = (*throttle)(nil)
)

func (t *throttle) Lookup(ctx context.Context, name string) (Subject, error) {
	return Lookup(ctx, t.source, name)
}

func (t *throttle) Authenticate(ctx context.Context, r Request) (Subject, error) {
	if r.Username == "" {
		return t.source.Authenticate(ctx, r)
	}
	now, address := t.now(), networkOf(r.RemoteAddr)
	login := throttledLogin{
		request: r,
		proof:   t.mac.short(macCredentials, r.Username, string(r.Password)),
		place:   ThrottleKey{ThrottleAccountAddress, t.mac.short(macPlace, strings.ToLower(r.Username), address)},
	}
	if t.trusted.allows(login.place, login.proof, now) {
		return t.trustedLogin(ctx, &login, address)
	}
	arrived := time.Now()
	attempt, err := t.begin(ctx, &login, address)
	if err != nil {
		t.pen.hold(ctx, arrived)
		return Subject{}, err
	}
	subject, err := t.check(ctx, &login, attempt)
	if err != nil && outcomeOf(err) == ThrottlePending {
		t.pen.hold(ctx, arrived)
	}
	return subject, err
}

// A throttledLogin is a request with a user name and a password.
type throttledLogin struct {
	request Request
	proof   credentialsMAC
	place   ThrottleKey // the name as it was typed, and the address
}

// check asks the source. The attempt is taken back unless it turns out to be a failure; so it is when the source panics.
func (t *throttle) check(ctx context.Context, login *throttledLogin, attempt *countedAttempt) (Subject, error) {
	outcome := errors.New("authn: the check panicked")
	defer func() { t.end(ctx, login, attempt, outcome) }()
	if len(attempt.keys) > addressState && !attempt.repeated { // a cluster behind one address asks one question
		leave, err := t.turns.take(ctx, attempt.keys[addressState])
		if err != nil {
			outcome = err
			return Subject{}, err
		}
		defer leave()
	}
	subject, err := t.source.Authenticate(ctx, login.request)
	if err != nil || !subject.Anonymous() {
		outcome = err
	}
	return subject, err
}

// trustedLogin asks the source about credentials that were right a while ago. Nothing is counted unless they are not any more.
func (t *throttle) trustedLogin(ctx context.Context, login *throttledLogin, address string) (Subject, error) {
	subject, err := t.source.Authenticate(ctx, login.request)
	if outcomeOf(err) != ThrottlePending {
		t.trusted.drop(login.place, login.proof)
		if attempt, throttled := t.begin(ctx, login, address); throttled == nil {
			t.end(ctx, login, attempt, err)
		}
	}
	return subject, err
}

// A countedAttempt knows where it was counted.
type countedAttempt struct {
	throttleAttempt

	update func(ctx context.Context, change func([]ThrottleState)) error
}

// begin counts the attempt, or refuses it.
func (t *throttle) begin(ctx context.Context, login *throttledLogin, address string) (*countedAttempt, error) {
	account := t.account(ctx, login.request.Username)
	a := &countedAttempt{throttleAttempt: throttleAttempt{proof: ThrottleProof(login.proof[:]), begun: t.now()}}
	a.keys = []ThrottleKey{
		{ThrottleAccountAddress, t.mac.short(macPlace, account, address)},
		{ThrottleAccount, t.mac.short(macAccount, account)},
		{ThrottleAddress, t.mac.short(macAddress, address)},
	}
	if address == "" {
		a.keys = a.keys[:2]
	}
	if err := t.count(ctx, a); err != nil {
		return nil, fmt.Errorf("count the attempt: %w", err)
	}
	if a.wait > 0 {
		t.trusted.spend(login.place, a.begun)
		return nil, &ThrottledError{RetryAfter: a.wait}
	}
	return a, a.remembered()
}

// count begins the attempt in the shared store, or in memory if there is none that works.
func (t *throttle) count(ctx context.Context, a *countedAttempt) error {
	keep := t.rules.keep()
	begin := func(states []ThrottleState) { a.begin(t.rules, states) }
	if t.shared.working() {
		a.update = func(ctx context.Context, change func([]ThrottleState)) error {
			return t.shared.update(ctx, a.keys, keep, change)
		}
		if a.update(ctx, begin) == nil {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	a.update = func(ctx context.Context, change func([]ThrottleState)) error {
		return t.memory.Update(ctx, a.keys, keep, change)
	}
	return a.update(ctx, begin)
}

// end notes what became of an attempt. It does so as well when the client has gone meanwhile. A store that breaks in between
// keeps a failure that was none; that is seen in its log and wears off.
func (t *throttle) end(ctx context.Context, login *throttledLogin, a *countedAttempt, err error) {
	ctx = context.WithoutCancel(ctx)
	switch outcome := outcomeOf(err); {
	case err == nil:
		t.trusted.add(login.place, login.proof, t.now())
		_ = a.update(ctx, a.succeed)
	case outcome == ThrottlePending:
		_ = a.update(ctx, a.takeBack)
	default:
		_ = a.update(ctx, func(states []ThrottleState) { a.fail(states, outcome) })
	}
}

// account returns the one name that an account is counted by. Case is folded for unknown names too: if it were for known ones
// alone, a source that does not tell case apart would show by the count who exists.
func (t *throttle) account(ctx context.Context, typed string) string {
	if subject, err := Lookup(ctx, t.source, typed); err == nil && !subject.Anonymous() {
		return strings.ToLower(subject.Name)
	}
	return strings.ToLower(typed)
}

// networkOf returns the part of an address that one client has to itself, or nothing if the address is not known. Who has one
// address of IPv6 usually has 2^64.
func networkOf(address netip.Addr) string {
	bits := 32
	if address = address.Unmap(); address.Is6() {
		bits = 64
	}
	network, err := address.Prefix(bits)
	if err != nil {
		return ""
	}
	return string(network.Addr().AsSlice())
}
