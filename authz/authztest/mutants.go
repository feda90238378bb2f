package authztest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/berthpass/registry-auth/authz"
)

// Mutants shows which rules no test needs. For each rule, it builds the policy without that rule,
// and fails the test if all cases still pass and no line of the matrix changes. Such a rule can get
// lost without notice: add a case that it decides, or delete the rule.
//
// Rules are of any type, such as acl.Rule, or [authz.Authorizer] for [authz.First]. The function
// build makes a policy of some of them. Pass the cases and options of [Run], and the matrix of
// [Golden] or Matrix{}. The policy of all rules must pass the cases. A rule counts as needed if
// build or the policy fails without it.
//
// A message has the number of the rule and its text as %+v prints it. Only grants count, not the
// reasons. Mutants does not find rules that match too much, are in the wrong order or are missing.
// It reports both of two rules that do the same: delete one.
func Mutants[R any](
	t *testing.T, rules []R, build func(rules []R) (authz.Authorizer, error), cases []Case,
	matrix Matrix, options ...func(*authz.Request),
) {
	t.Helper()
	failures, err := unneeded(t.Context(), rules, build, cases, matrix, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, failure := range failures {
		t.Error(failure)
	}
}

// unneeded returns a message for each rule that no case and no line of the matrix needs.
func unneeded[R any](
	ctx context.Context, rules []R, build func([]R) (authz.Authorizer, error), cases []Case,
	matrix Matrix, options []func(*authz.Request),
) (messages []string, err error) {
	if len(rules) == 0 {
		return nil, errors.New("there are no rules")
	}
	asked := questions(cases, options)
	try := func(rules []R) (lines string, err error) {
		defer func() {
			if cause := recover(); cause != nil {
				err = fmt.Errorf("panic: %v", cause)
			}
		}()
		policy, err := build(rules)
		if err != nil {
			return "", err
		}
		for _, q := range asked {
			if failure := q.check(ctx, policy); failure != "" {
				return "", errors.New(failure)
			}
		}
		return matrix.format(ctx, policy, options)
	}
	want, err := try(slices.Clone(rules))
	if err != nil {
		return nil, fmt.Errorf("with all rules: %w", err)
	}
	for i, rule := range rules {
		got, err := try(slices.Delete(slices.Clone(rules), i, i+1))
		if err == nil && got == want {
			messages = append(messages, fmt.Sprintf("no case and no line of the matrix needs "+
				"rule %d of %d: %s", i+1, len(rules), ruleText(rule)))
		}
	}
	return messages, nil
}

// ruleText prints a rule. Of a function, only the type says something.
func ruleText(rule any) string {
	if reflect.ValueOf(rule).Kind() == reflect.Func {
		return fmt.Sprintf("%T", rule)
	}
	return fmt.Sprintf("%+v", rule)
}
