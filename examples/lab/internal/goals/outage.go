package goals

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
)

const (
	sourceDeadline = 2 * time.Second // of a question to a source that is down
	lateBy         = 50 * time.Millisecond
	// After so many failures in a row, a source that hangs is asked every two seconds only.
	breakerFailures = 5
	breakerEvery    = 2 * time.Second
)

// An outage is what was seen while the source failed in one or several ways.
type outage struct {
	slowest, othersP99, recovery, duration time.Duration
	rejected, others                       int
	asked                                  int // the last way
}

// measureDown is R5. The breaker of examples/server is about a program that hangs. One that fails
// at once is asked each time.
func measureDown(ctx context.Context, b *bench) ([]check, error) {
	return b.withBackend(ctx, sourceDeadline, func(s *backend) ([]check, error) {
		var all outage
		for _, mode := range []string{
			"refuses", "is reset", "answers garbage", "answers with a gigabyte", "hangs",
		} {
			o, err := s.fail(ctx, b, mode)
			if err != nil {
				return nil, fmt.Errorf("the source %s: %w", mode, err)
			}
			all.slowest, all.recovery = max(all.slowest, o.slowest), max(all.recovery, o.recovery)
			all.rejected, all.others = all.rejected+o.rejected, all.others+o.others
			all.othersP99, all.asked, all.duration = o.othersP99, o.asked, o.duration
		}
		return judgeOutage(&all), nil
	})
}

func judgeOutage(o *outage) []check {
	// Those that run when the breaker opens are finished, and a few begin before that.
	questions := programsAtOnce + breakerFailures + int(o.duration/breakerEvery)
	return []check{
		within("the slowest refusal, where the deadline is 2s", o.slowest, sourceDeadline+lateBy),
		never("answers to right passwords that are not 503", o.rejected),
		never("answers to others that are no token", o.others),
		within("p99 of others while the source hangs", o.othersP99, 20*time.Millisecond),
		atMost("questions to a source that hangs", o.asked, questions).
			noted("%d at once, and later one every %v", programsAtOnce, breakerEvery),
		within("until the first login after it returned", o.recovery, 5*time.Second),
	}
}

// fail breaks the source in one way while new users log in, listed ones do, and others pull, and
// repairs it. The server asks a program at each login, so its users need it each time.
func (s *backend) fail(ctx context.Context, b *bench, mode string) (o *outage, err error) {
	listed := pulls(4)
	listed.Name, listed.Users = "logins", listedUsers()
	if _, err := s.LogIn(ctx, listed, false); err != nil {
		return nil, err
	}
	if err := s.set(mode); err != nil {
		return nil, err
	}
	begun := time.Now()
	groups, err := b.load(ctx, attack.Plan{
		Duration: max(b.duration/2, 2*time.Second),
		Groups:   []attack.Group{s.newcomers(1000, 24), s.Logins(listed), s.Anonymous(pulls(4))},
	})
	if err != nil {
		return nil, err
	}
	refused, logins, anonymous := &groups[0], &groups[1], &groups[2]
	o = &outage{
		duration: time.Since(begun), slowest: refused.Max,
		rejected:  refused.Requests - refused.Statuses[http.StatusServiceUnavailable],
		others:    logins.Failed() + anonymous.Failed(),
		othersP99: max(p99(logins), p99(anonymous)),
	}
	if o.asked, err = s.asked(); err != nil {
		return nil, err
	}
	o.recovery, err = s.recover(ctx)
	return o, err
}

// measureSlow is R6: five hundred log in at once, and the source takes ten seconds for each.
func measureSlow(ctx context.Context, b *bench) ([]check, error) {
	const many, slow = 500, 10 * time.Second
	return b.withBackend(ctx, slow+time.Second, func(s *backend) ([]check, error) {
		others := s.Anonymous(pulls(16))
		quiet, err := b.warm(ctx, others)
		if err != nil {
			return nil, err
		}
		if err := s.set("is slow"); err != nil {
			return nil, err
		}
		groups, err := b.load(ctx, attack.Plan{
			Duration: slow, Timeout: 3 * slow,
			Groups: []attack.Group{others, s.newcomers(many, many)},
		})
		if err != nil {
			return nil, err
		}
		waiting, err := s.mostWaiting()
		return judgeSlow(&quiet[0], &groups[0], &groups[1], waiting), err
	})
}

func judgeSlow(quiet, others, logins *attack.GroupReport, waiting int) []check {
	before, now := p99(quiet), p99(others)
	answered := logins.Tokens + logins.Statuses[http.StatusServiceUnavailable]
	return []check{
		atMost("questions at once, of 500 requests", waiting, programsAtOnce),
		never("logins that get neither a token nor 503", logins.Requests-answered).
			noted("answers are %v", logins.Statuses),
		ratio("p99 of others, as a multiple of that when it is quiet",
			now.Seconds()/max(before.Seconds(), 1e-6), 2).
			noted("%v and %v", attack.Short(now), attack.Short(before)),
		never("of their requests without a token", others.Failed()),
	}
}
