// Package examples holds programs built from the public packages, and the end-to-end tests.
// README.md lists them in the order in which a newcomer should look at them.
package examples
