// Package load plays a cluster that asks a token server for tokens, and measures the answers.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/bcrypt"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/examples/lab/internal/picture"
	"github.com/berthpass/registry-auth/examples/lab/internal/show"
	"github.com/berthpass/registry-auth/examples/lab/internal/target"
)

// A result is the report as JSON.
type result struct {
	*attack.Report

	Server []target.Usage `json:"server,omitempty"`
}

// Run plays the scenario. It reports whether all answers are right.
func Run(ctx context.Context, o *Options, stdout, stderr io.Writer) (right bool, err error) {
	r := &result{}
	if o.url == "" {
		p := ownPeople()
		err = target.Run(ctx, target.Config{
			Users: append(p.warm, p.cold...), HashCost: bcrypt.DefaultCost,
			Rules: target.PublicRules,
		}, func(s *target.Server) (err error) {
			more := func() string { return "server: " + s.Latest().String() }
			r.Report, err = o.measure(ctx, &s.Endpoint, p, stderr, more)
			r.Server = s.Samples()
			return err
		})
	} else {
		var users []clients.User
		if users, err = o.readUsers(); err == nil {
			e, p := &clients.Endpoint{URL: o.url, Service: o.service}, o.scenario.split(users)
			r.Report, err = o.measure(ctx, e, p, stderr, func() string { return "" })
		}
	}
	if err != nil {
		return false, err
	}
	return o.tell(r, stdout)
}

func (o *Options) measure(
	ctx context.Context, e *clients.Endpoint, p people, stderr io.Writer, more func() string,
) (*attack.Report, error) {
	groups, err := o.groups(ctx, e, p)
	if err != nil {
		return nil, err
	}
	plan := attack.Plan{
		Groups: groups, Duration: o.duration, WarmUp: o.warmUp, Counters: new(attack.Counters),
	}
	defer show.Progress(stderr, plan.Counters, more)()
	return attack.Run(ctx, plan), nil
}

// tell prints the result and writes the files that were asked for.
func (o *Options) tell(r *result, stdout io.Writer) (right bool, err error) {
	requests, unanswered, wrong := 0, 0, 0
	for i := range r.Groups {
		requests += r.Groups[i].Requests
		unanswered += r.Groups[i].Unanswered
		wrong += r.Groups[i].Wrong
	}
	_, _ = fmt.Fprintf(stdout, "%d requests in %v\n\n", requests, attack.Short(r.Elapsed))
	err = errors.Join(r.WriteText(stdout), o.output.Write(r, func(w io.Writer) error {
		panels := []picture.Panel{picture.Latency(r.Report), picture.Rate(r.Report)}
		return picture.Draw(w, o.output.Picture, append(panels, picture.Usage(r.Server)...)...)
	}))
	return requests > unanswered && wrong == 0, err
}
