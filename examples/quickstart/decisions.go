package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"strconv"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/auth"
)

// printDecisions returns an audit hook that writes one line for each decision to w, such as
//
//	14:03:05 alice      repository:alice/app pull,push -> granted pull,push (own namespace)
func printDecisions(w io.Writer) func(context.Context, auth.AuditRecord) {
	lines := log.New(w, "", 0) // writes whole lines, also when called concurrently
	return func(_ context.Context, record auth.AuditRecord) {
		prefix := fmt.Sprintf("%s %-10s ", record.Time.Local().Format(time.TimeOnly), who(record))
		for _, line := range describe(record) {
			lines.Print(prefix + line)
		}
	}
}

// who is the subject or, as long as nobody is authenticated, the name that the client gave.
func who(record auth.AuditRecord) string {
	switch {
	case !record.Subject.Anonymous():
		return printable(record.Subject.Name)
	case record.Username != "":
		return printable(record.Username)
	default:
		return "anonymous"
	}
}

// describe says what became of the request, one line for each thing that was asked for.
func describe(record auth.AuditRecord) []string {
	switch {
	case record.Err != nil:
		return []string{fmt.Sprintf("%s -> refused with %d (%s)", asked(record), record.Status, printable(record.Err.Error()))}
	case len(record.Decisions) == 0:
		return []string{asked(record) + " -> welcome"}
	}
	var lines []string
	for _, d := range record.Decisions { // both were parsed, so that there is nothing in them that needs quotes
		lines = append(lines, fmt.Sprintf("%s:%s %s -> %s", d.Asked.Type, d.Asked.Name, strings.Join(d.Asked.Actions, ","), outcome(d)))
	}
	for _, m := range record.Malformed {
		lines = append(lines, "a malformed scope -> left out ("+printable(m.Error())+")")
	}
	return lines
}

func outcome(d auth.ScopeDecision) string {
	if len(d.Granted) == 0 {
		return "refused (" + d.Reason + ")"
	}
	return "granted " + strings.Join(d.Granted, ",") + " (" + d.Reason + ")"
}

// asked names a request for which there is no decision about a resource.
func asked(record auth.AuditRecord) string {
	if record.Credentials == "" {
		return "request"
	}
	return "login"
}

// printable quotes a text of the client's that could play tricks on a terminal.
func printable(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return strconv.QuoteToASCII(text)
	}
	return text
}
