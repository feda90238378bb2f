// Package clients has the kinds of clients that a token server has: those without credentials, with
// a password that was checked before or was not, with a refresh token, and those that guess.
package clients
