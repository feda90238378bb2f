package main

import "context"

// A goal is something that is promised.
type goal struct {
	id, about string
	// measure finds the figures. Without it, the tests or the command show it.
	measure func(context.Context, *bench) ([]check, error)
	nightly bool
	tests   []string // "package.TestName"
	command string
}

func (g *goal) when() string {
	switch {
	case g.measure == nil && g.command != "":
		return " (by command)"
	case g.measure == nil:
		return " (by go test)"
	case g.nightly:
		return " (nightly)"
	}
	return ""
}

// goals returns all of them. R9 (kill -9) and R10 (a disk that fails) come back with a store of
// refresh tokens on disk; until then nothing is written.
func goals() []goal {
	return []goal{
		{id: "R1", about: "anonymous pulls", measure: measureAnonymous},
		{id: "R2", about: "logins with passwords that were checked before", measure: measureWarm},
		{id: "R3", about: "refresh tokens", measure: measureRefresh, nightly: true},
		{id: "R4", about: "a flood of wrong passwords", measure: measureFlood},
		{id: "R5", about: "a source of users that is down", measure: measureDown, tests: []string{
			"faults.TestSourceOfUsers", "faults.TestAuthorizer", "program.TestBreaker",
		}},
		{id: "R6", about: "a source of users that is slow", measure: measureSlow},
		{id: "R7", about: "a clock that is set", tests: []string{
			"faults.TestClockSteps", "faults.TestClockStepsWhileThrottled", "faults.TestClockStepsPastARefreshToken", "throttle.TestAClockThatWasWrong",
		}},
		{id: "R8", about: "keys that are replaced under load", tests: []string{
			"serve.TestThousandReloads", "e2e.TestRenewedKeysAreNotNoticed",
		}},
		{id: "R11", about: "connections that send slowly or nothing", measure: measureSlowConnections, nightly: true, tests: []string{"faults.TestProgram"}},
		{id: "R12", about: "an authorizer that panics, hangs or lies", tests: []string{
			"faults.TestOnePanicInAHundred", "faults.TestAuthorizer", "auth.TestUnrequestedActionsAreDroppedAndLogged", "serve.TestMetricsCountFaults",
		}},
		{id: "R13", about: "hostile requests", tests: []string{"auth.TestHostileRequests", "auth.FuzzGet", "auth.FuzzPost", "auth.FuzzPolicies"}, command: "go test -run ^$ -fuzz FuzzGet -fuzztime 10000000x ./auth, and so for each target"},
		{id: "R14", about: "hours of everything at once, weekly", command: "go run ./examples/soak -for 8h", tests: []string{"soak.TestSoak"}},
		{id: "R15", about: "one refresh token many times at once", tests: []string{
			"refresh.TestMemoryStore", "auth.TestARevocationOvertakesARefresh",
		}},
		{id: "R16", about: "a configuration that is reloaded under load", tests: []string{"serve.TestThousandReloads"}},
		{id: "R17", about: "SIGTERM under load", tests: []string{"faults.TestProgram", "server.TestShutdownUnderLoad"}},
		{id: "R18", about: "the memory of one request: not met by all, the test tells", tests: []string{"auth.TestMemoryOfARequest"}},
		{id: "S1", about: "tokens beside bare signatures over HTTP", measure: measureSpeed},
		{id: "S2", about: "tokens that are shared", measure: measureShared},
	}
}
