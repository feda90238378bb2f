// Package serve runs the token server: it listens, answers, takes over changes of the configuration, and ends in order.
//
// What a request sees is one generation: users, rules, keys and settings that were loaded together. A change is loaded into a
// new generation, which takes the place of the old one at once and as a whole, or not at all.
package serve
