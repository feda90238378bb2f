package authz

import (
	"context"
	"strings"
)

// First returns an authorizer that asks the given ones in order; the first that does not answer NoMatch decides, be it to
// grant or to refuse. When all have nothing to say, neither has First.
func First(authorizers ...Authorizer) BatchAuthorizer { return first(authorizers) }

type first []Authorizer

func (f first) Authorize(ctx context.Context, r Request) (Decision, error) {
	for _, a := range f {
		if d, err := a.Authorize(ctx, r); err != nil || !d.NoMatch {
			return d, err
		}
	}
	return noMatch(), nil
}

func (f first) AuthorizeBatch(ctx context.Context, requests []Request) ([]Decision, error) {
	decisions := make([]Decision, len(requests))
	open := allIndexes(requests)
	for _, a := range f {
		var next []int
		err := authorizeSome(ctx, a, requests, open, func(i int, d Decision) {
			decisions[i] = d
			if d.NoMatch {
				next = append(next, i)
			}
		})
		if err != nil {
			return nil, err
		}
		open = next
	}
	for _, i := range open {
		decisions[i] = noMatch()
	}
	return decisions, nil
}

// Any returns an authorizer that grants what at least one of the given ones grants. All of them are asked, and an error of
// one is an error of the whole. The reason joins the reasons of those that grant something, or else of those that refuse.
// When all have nothing to say, neither has Any.
func Any(authorizers ...Authorizer) BatchAuthorizer { return anyOf(authorizers) }

type anyOf []Authorizer

func (a anyOf) Authorize(ctx context.Context, r Request) (Decision, error) {
	answers, err := askEach(ctx, a, r)
	if err != nil {
		return Decision{}, err
	}
	return union(r, answers), nil
}

func (a anyOf) AuthorizeBatch(ctx context.Context, requests []Request) ([]Decision, error) {
	answers, err := askAll(ctx, a, requests)
	if err != nil {
		return nil, err
	}
	decisions := make([]Decision, len(requests))
	for i, r := range requests {
		decisions[i] = union(r, answers[i])
	}
	return decisions, nil
}

func union(r Request, answers []Decision) Decision {
	var granted []string
	var granting, refusing []string
	matched := false
	for _, d := range answers {
		if d.NoMatch {
			continue
		}
		matched = true
		if actions := r.Scope.Intersect(d.Actions).Actions; len(actions) > 0 {
			granted = append(granted, actions...)
			granting = append(granting, d.Reason)
		} else {
			refusing = append(refusing, d.Reason)
		}
	}
	switch {
	case !matched:
		return noMatch()
	case len(granted) == 0:
		return grant(r, joinReasons(refusing))
	default:
		return grant(r, joinReasons(granting), granted...)
	}
}

// All returns an authorizer that grants what every one of the given ones grants. One that has nothing to say does not
// grant, so All refuses then; it always decides. Without any authorizer it refuses. The reason joins the reasons of those
// that keep something back, or else of all.
func All(authorizers ...Authorizer) BatchAuthorizer { return allOf(authorizers) }

type allOf []Authorizer

func (a allOf) Authorize(ctx context.Context, r Request) (Decision, error) {
	answers, err := askEach(ctx, a, r)
	if err != nil {
		return Decision{}, err
	}
	return intersection(r, answers), nil
}

func (a allOf) AuthorizeBatch(ctx context.Context, requests []Request) ([]Decision, error) {
	answers, err := askAll(ctx, a, requests)
	if err != nil {
		return nil, err
	}
	decisions := make([]Decision, len(requests))
	for i, r := range requests {
		decisions[i] = intersection(r, answers[i])
	}
	return decisions, nil
}

func intersection(r Request, answers []Decision) Decision {
	if len(answers) == 0 {
		return Decision{Reason: "no authorizer"}
	}
	kept := r.Scope
	var agreeing, refusing []string
	for _, d := range answers {
		if d.NoMatch {
			d = Decision{Reason: "no match"}
		}
		if allowed := r.Scope.Intersect(d.Actions); len(allowed.Actions) < len(r.Scope.Actions) {
			refusing = append(refusing, d.Reason)
		} else {
			agreeing = append(agreeing, d.Reason)
		}
		kept = kept.Intersect(d.Actions)
	}
	if len(refusing) > 0 {
		return grant(r, joinReasons(refusing), kept.Actions...)
	}
	return grant(r, joinReasons(agreeing), kept.Actions...)
}

// askEach returns the answers of all authorizers to one request.
func askEach(ctx context.Context, authorizers []Authorizer, r Request) ([]Decision, error) {
	answers := make([]Decision, len(authorizers))
	for i, a := range authorizers {
		var err error
		if answers[i], err = a.Authorize(ctx, r); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// askAll returns, for each request, the answers of all authorizers in their order.
func askAll(ctx context.Context, authorizers []Authorizer, requests []Request) ([][]Decision, error) {
	answers := make([][]Decision, len(requests))
	for _, a := range authorizers {
		decisions, err := AuthorizeBatch(ctx, a, requests)
		if err != nil {
			return nil, err
		}
		for i, d := range decisions {
			answers[i] = append(answers[i], d)
		}
	}
	return answers, nil
}

func allIndexes(requests []Request) []int {
	indexes := make([]int, len(requests))
	for i := range indexes {
		indexes[i] = i
	}
	return indexes
}

func joinReasons(reasons []string) string {
	var known []string
	for _, reason := range reasons {
		if reason != "" {
			known = append(known, reason)
		}
	}
	return strings.Join(known, "; ")
}
