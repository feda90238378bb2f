// Package load plays a cluster that asks a token server for tokens, and measures the answers.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

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

	Title  string         `json:"title"`
	Server []target.Usage `json:"server,omitempty"`
}

// Run plays the scenario. It reports whether all answers are right.
func Run(ctx context.Context, o *Options, stdout, stderr io.Writer) (right bool, err error) {
	var server *target.Server
	endpoint, p := &clients.Endpoint{URL: o.url, Service: o.service}, people{}
	if o.url == "" {
		program, err := target.Build(ctx)
		if err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, program.Remove()) }()
		p = ownPeople()
		server, err = program.Start(ctx, target.Config{
			Users: append(p.warm, p.cold...), HashCost: bcrypt.DefaultCost, Rules: target.PublicRules,
		})
		if err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		endpoint = &server.Endpoint
	} else if p, err = o.others(ctx); err != nil {
		return false, err
	}
	r, err := o.measure(ctx, endpoint, server, p, stderr)
	if err != nil {
		return false, err
	}
	return o.tell(r, stdout)
}

// others are the users of a server that runs already.
func (o *Options) others(ctx context.Context) (people, error) {
	if err := o.checkTarget(ctx); err != nil {
		return people{}, err
	}
	users, err := o.readUsers()
	return o.scenario.split(users), err
}

func (o *Options) measure(
	ctx context.Context, e *clients.Endpoint, server *target.Server, p people, stderr io.Writer,
) (*result, error) {
	if len(o.scopes) == 0 {
		o.scopes = clients.Scopes(o.scenario.images)
	}
	groups, err := o.groups(ctx, e, p)
	if err != nil {
		return nil, err
	}
	plan := attack.Plan{
		Groups: groups, Duration: o.duration, WarmUp: o.warmUp, Counters: new(attack.Counters),
	}
	begun := time.Now()
	stop := show.Progress(stderr, func() string {
		more := ""
		if server != nil {
			more = "server: " + server.Latest().String()
		}
		return show.Line(begun, plan.Counters, more)
	})
	r := &result{Report: attack.Run(ctx, plan), Title: o.title()}
	stop()
	if server != nil {
		r.Server = server.Samples()
	}
	return r, nil
}

// tell prints the result and writes the files that were asked for.
func (o *Options) tell(r *result, stdout io.Writer) (right bool, err error) {
	_, _ = fmt.Fprintf(stdout, "%s; %d requests in %v, %.0f/s\n\n", r.Title, r.Requests(),
		r.Elapsed.Round(time.Millisecond), float64(r.Requests())/max(r.Elapsed.Seconds(), 1e-9))
	if err := r.WriteText(stdout); err != nil {
		return false, err
	}
	if o.json != "" {
		err = show.JSON(o.json, r)
	}
	if o.picture != "" {
		panels := []picture.Panel{picture.Latency(r.Title, r.Report), picture.Rate(r.Report)}
		if len(r.Server) > 0 {
			panels = append(panels, picture.Usage(r.Server)...)
		}
		err = errors.Join(err, show.File(o.picture, func(w io.Writer) error {
			return picture.Draw(w, o.picture, panels...)
		}))
	}
	answers := 0
	for i := range r.Groups {
		answers += r.Groups[i].Requests - r.Groups[i].NoAnswers()
	}
	return r.Wrong() == 0 && answers > 0, err
}
