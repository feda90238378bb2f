// Package policy makes of a configuration what decides: who somebody is, and what they may do. It also explains decisions, and
// runs the cases of the tests blocks.
package policy
