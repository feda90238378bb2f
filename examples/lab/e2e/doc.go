// Package e2e has the end-to-end tests: real registries, real clients, and a token server made of
// this repository's packages between them. See README.md for what is tested against what.
package e2e
