// Package faults tests what becomes of requests while something is broken: sources of users and
// policies, the clock, clients, and the process itself. Each test says what the client reads, what
// the operator is told, and that the next request works once the fault is over.
package faults
