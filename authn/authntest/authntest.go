package authntest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// A Suite is a source with credentials for it. Change, Disable and Break are optional and called in
// this order, and one of Wrong and Unknown may be empty, if the source has nothing of that kind.
type Suite struct {
	Source authn.Authenticator
	// Logins are right credentials: of each kind, and several for a name that can have several.
	Logins []Login
	// Wrong are credentials that are ErrRejected, such as a known user with a wrong password.
	// Unknown are credentials that are ErrNoMatch.
	Wrong, Unknown []authn.Request
	// Change replaces the credentials of the first login, such as by a new password, and returns
	// the new ones. Without it, Run cannot tell whether the Stamp changes.
	Change func() authn.Request
	// Disable disables or removes the user of the first login, with all credentials. Without it,
	// Run cannot tell whether a look-up forgets that: refresh tokens would continue to work.
	Disable func()
	// Break makes the back end unreachable, so that right credentials cannot be checked. Run calls
	// it last.
	Break func()
}

// A Login has right credentials.
type Login struct {
	Request authn.Request
	// Subject is what the credentials prove. The Stamp is only compared if it is set here, and Data
	// by reflect.DeepEqual if it is: that of Authenticate and that of Confirm.
	Subject authn.Subject
	// Unconfirmable says that [authn.Confirm] returns ErrNoLookup for the subject. So no cache
	// remembers the login, and it gets no refresh token.
	Unconfirmable bool
	// Offline says that the login also works after Break, such as that of a JWT with known keys.
	Offline bool
}

// Run checks the source. It makes each login about eight times, five of them at once, and a few
// wrong ones for each name: too few for package throttle to refuse one.
func Run(tb testing.TB, s Suite) {
	tb.Helper()
	if s.Source == nil || len(s.Logins) == 0 || len(s.Wrong)+len(s.Unknown) == 0 {
		tb.Error("the suite needs a Source, Logins, and Wrong or Unknown credentials")
		return
	}
	r := &run{source: s.Source}
	r.suite(tb.Context(), s)
	for _, failure := range r.failures {
		tb.Error(failure)
	}
}

func (r *run) suite(ctx context.Context, s Suite) {
	r.authenticate(ctx, "no credentials (for anonymous access)", authn.Request{}, noMatch)
	r.authenticate(ctx, "credentials of another kind", authn.Request{Other: r}, noMatch)
	if d, ok := r.source.(authn.Directory); ok {
		found, err := d.Lookup(ctx, rand.Text())
		r.check("a name that nobody has: Lookup", found, err, noMatch, noLookup)
	}
	foreign := authn.Subject{Name: rand.Text(), Stamp: rand.Text()}
	r.confirm(ctx, proof{Login{}, "a subject of another source", foreign}, noMatch, noLookup)
	for i, request := range s.Wrong {
		r.authenticate(ctx, fmt.Sprintf("Wrong[%d]", i), request, rejected)
	}
	for i, request := range s.Unknown {
		r.authenticate(ctx, fmt.Sprintf("Unknown[%d]", i), request, noMatch)
	}
	var proofs []proof
	for i, login := range s.Logins {
		p := r.login(ctx, fmt.Sprintf("Logins[%d]", i), login)
		if !p.proved.Anonymous() {
			r.names(ctx, p)
			r.concurrent(ctx, p)
			r.canceled(ctx, p)
			r.stamps(p, proofs)
		}
		proofs = append(proofs, p)
	}
	r.guess(ctx, s.Logins)
	if s.Change != nil {
		proofs[0] = r.change(ctx, proofs[0], s.Change())
	}
	if s.Disable != nil {
		s.Disable()
		proofs = r.disabled(ctx, proofs)
	}
	if s.Break != nil {
		s.Break()
		r.broken(ctx, proofs, s.Wrong)
	}
}

// A proof is a login with the subject that the source returned.
type proof struct {
	Login

	label  string
	proved authn.Subject
}

// login authenticates and confirms.
func (r *run) login(ctx context.Context, label string, login Login) proof {
	p := proof{login, label, r.authenticate(ctx, label, login.Request, success)}
	if p.proved.Anonymous() {
		return p
	}
	want := login.Subject
	want.Stamp = cmp.Or(want.Stamp, p.proved.Stamp)
	r.equal(label+": Authenticate", p.proved, want, "it is not what the suite expects")
	p.proved.Data = want.Data // to compare Data only if the suite has some
	confirmable := success
	if login.Unconfirmable {
		confirmable = noLookup
	}
	confirmed := r.confirm(ctx, p, confirmable)
	r.equal(label+": Confirm", confirmed, p.proved, "a refresh token has other rights than this")
	return p
}

// names looks the subject up by both of its names. Policies compare names, so there is only one.
func (r *run) names(ctx context.Context, p proof) {
	d, ok := r.source.(authn.Directory)
	if !ok || p.Request.Username == "" {
		return
	}
	typed, err := d.Lookup(ctx, p.Request.Username)
	r.check(p.label+", by the typed name: Lookup", typed, err, success, noLookup)
	named, err := d.Lookup(ctx, p.proved.Name)
	r.check(p.label+", by the subject's name: Lookup", named, err, success, noLookup)
	named.Data = nil // not compared: it is that of the account
	r.equal(p.label+", by the typed name: Lookup", typed, named, "the subject's name finds another")
	if !named.Anonymous() && named.Name != p.proved.Name {
		r.failf("%s: Lookup returns the name %+q for %+q: policies know only one", p.label,
			named.Name, p.proved.Name)
	}
}

// concurrent logins can be too many for a source, but it must not mix them up.
func (r *run) concurrent(ctx context.Context, p proof) {
	p.label += ", several at once"
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			subject := r.authenticate(ctx, p.label, p.Request, success, outage)
			r.equal(p.label+": Authenticate", subject, p.proved, "it was another subject before")
			r.confirm(ctx, p, success, outage, noLookup)
		})
	}
	wg.Wait()
}

func (r *run) canceled(ctx context.Context, p proof) {
	p.label += ", with a context that is done"
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	began := time.Now()
	r.authenticate(ctx, p.label, p.Request, success, outage)
	r.confirm(ctx, p, success, outage, noLookup)
	if took := time.Since(began); took > 5*time.Second {
		r.failf("%s: takes %v: requests whose clients are gone pile up", p.label, took)
	}
}

// stamps compares with the other credentials of the same name.
func (r *run) stamps(p proof, others []proof) {
	for _, other := range others {
		same := p.Request.Password == other.Request.Password &&
			reflect.DeepEqual(p.Request.Other, other.Request.Other)
		if p.proved.Stamp == other.proved.Stamp && p.proved.Stamp != "" &&
			p.proved.Name == other.proved.Name && !same {
			r.failf("%s has the Stamp of %s: either is confirmed with the rights of the other, "+
				"also when it is revoked", p.label, other.label)
		}
	}
}

// guess tries each name with a random password, and without one, with which an LDAP bind succeeds.
func (r *run) guess(ctx context.Context, logins []Login) {
	guessed := make(map[string]bool)
	for i, login := range logins {
		request := login.Request
		if request.Username == "" || guessed[request.Username] {
			continue
		}
		guessed[request.Username] = true
		request.Password = ""
		label := fmt.Sprintf("the user name of Logins[%d] ", i)
		r.authenticate(ctx, label+"without a password", request, noMatch, rejected)
		request.Password = authn.Secret(rand.Text())
		r.authenticate(ctx, label+"with a random password", request, noMatch, rejected)
	}
}

// change returns the proof by the new credentials.
func (r *run) change(ctx context.Context, old proof, request authn.Request) proof {
	old.label = "the old credentials after Change"
	r.authenticate(ctx, old.label, old.Request, rejected, noMatch)
	r.confirm(ctx, old, rejected, noMatch, noLookup)
	const label = "the new credentials after Change"
	login := old.Login // the end and the Data may be new
	login.Request, login.Subject.Stamp, login.Subject.Data = request, "", nil
	login.Subject.ValidUntil = r.authenticate(ctx, label, request, success).ValidUntil
	return r.login(ctx, label, login)
}

// disabled returns the proofs of other users.
func (r *run) disabled(ctx context.Context, proofs []proof) (others []proof) {
	name := proofs[0].proved.Name
	for _, p := range proofs {
		if p.proved.Name != name {
			others = append(others, p)
			continue
		}
		p.label += ", after Disable"
		r.authenticate(ctx, p.label, p.Request, rejected, noMatch)
		r.confirm(ctx, p, rejected, noMatch, noLookup)
	}
	if d, ok := r.source.(authn.Directory); ok {
		found, err := d.Lookup(ctx, name)
		r.check("the first user, after Disable: Lookup", found, err, rejected, noMatch, noLookup)
	}
	return others
}

// broken accepts rejections of wrong credentials, which can be malformed.
func (r *run) broken(ctx context.Context, proofs []proof, wrong []authn.Request) {
	for _, p := range proofs {
		p.label += ", after Break"
		if p.Offline {
			r.authenticate(ctx, p.label, p.Request, success)
			r.confirm(ctx, p, success, noLookup)
			continue
		}
		r.authenticate(ctx, p.label, p.Request, outage)
		r.confirm(ctx, p, outage, noLookup)
	}
	for i, request := range wrong {
		label := fmt.Sprintf("Wrong[%d], after Break", i)
		r.authenticate(ctx, label, request, outage, rejected, noMatch)
	}
	r.authenticate(ctx, "no credentials, after Break", authn.Request{}, noMatch)
}
