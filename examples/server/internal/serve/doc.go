// Package serve runs the token server: it puts the parts of the sections together, listens,
// answers, reloads the configuration, and ends in order.
//
// A request sees one generation: users, rules, keys and settings that were loaded together. A
// change is loaded into a new generation, and swapped in if it is in order.
package serve
