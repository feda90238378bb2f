package authz

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// First returns an authorizer that asks the given ones in order. The first that does not answer
// NoMatch decides. A partial grant is final too: the remaining actions are refused. If all answer
// NoMatch, or there are none, so does First. An error ends the search and is returned.
//
// First sends each authorizer one batch, of the requests that are still unanswered. It panics if an
// authorizer is nil.
func First(authorizers ...Authorizer) BatchAuthorizer {
	authorizers = notNil("First", authorizers)
	return batchFunc(func(ctx context.Context, requests []Request) ([]Decision, error) {
		decisions := make([]Decision, len(requests))
		open := make([]int, len(requests))
		for i := range open {
			open[i] = i
		}
		for _, a := range authorizers {
			if err := decideSome(ctx, a, requests, open, decisions); err != nil {
				return nil, err
			}
			open = slices.DeleteFunc(open, func(i int) bool { return !decisions[i].NoMatch })
		}
		for _, i := range open {
			decisions[i] = noMatch()
		}
		return decisions, nil
	})
}

// Any returns an authorizer that grants the actions that at least one of the given ones grants. If
// all answer NoMatch, or there are none, so does Any. If one fails, Any returns its error, even if
// another grants. The reason joins the reasons of those that grant something, or else of those that
// refuse. Any panics if an authorizer is nil.
func Any(authorizers ...Authorizer) BatchAuthorizer {
	return combine(notNil("Any", authorizers), union)
}

func union(r Request, decisions []Decision) Decision {
	var granted, granting, refusing []string
	matched := false
	for _, d := range decisions {
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

// All returns an authorizer that grants the actions that each of the given ones grants. NoMatch
// grants nothing, so All then refuses. All() refuses everything. If one fails, All returns its
// error. The reason joins the reasons of those that refuse an action, or else of all. All panics if
// an authorizer is nil.
func All(authorizers ...Authorizer) BatchAuthorizer {
	return combine(notNil("All", authorizers), intersection)
}

func intersection(r Request, decisions []Decision) Decision {
	if len(decisions) == 0 {
		return Decision{Reason: "no authorizer"}
	}
	kept := r.Scope
	var agreeing, refusing []string
	for _, d := range decisions {
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

// combine returns an authorizer that asks all of the given ones and combines their decisions on
// each request, which are in the order of the authorizers.
func combine(authorizers []Authorizer, combined func(Request, []Decision) Decision) batchFunc {
	return func(ctx context.Context, requests []Request) ([]Decision, error) {
		made := make([][]Decision, len(requests))
		for _, a := range authorizers {
			decisions, err := AuthorizeBatch(ctx, a, requests)
			if err != nil {
				return nil, err
			}
			for i, d := range decisions {
				made[i] = append(made[i], d)
			}
		}
		decisions := make([]Decision, len(requests))
		for i, r := range requests {
			decisions[i] = combined(r, made[i])
		}
		return decisions, nil
	}
}

// notNil returns a copy of the arguments of a combinator. A nil argument would panic at the first
// request, so it panics here.
func notNil(combinator string, authorizers []Authorizer) []Authorizer {
	for i, a := range authorizers {
		if a == nil {
			panic(fmt.Sprintf("authz.%s: argument %d is nil", combinator, i+1))
		}
	}
	return slices.Clone(authorizers)
}

func joinReasons(reasons []string) string {
	return strings.Join(slices.DeleteFunc(reasons, func(s string) bool { return s == "" }), "; ")
}
