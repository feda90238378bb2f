// Package target runs examples/server as a process, with a configuration of its own, and reads its
// memory, goroutines and open files from its metrics.
package target
