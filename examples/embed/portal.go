package main

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/berthpass/registry-auth/authn"
)

// A portal is a web service that was there before. Its maps stand for the tables of its database.
type portal struct {
	mu       sync.Mutex
	users    map[string]user          // by name
	sessions map[string]session       // by the hash of the cookie
	apiKeys  map[string]apiKey        // by ID
	tokens   map[string]personalToken // by ID
}

// A user is a row of the portal's users, and the Data of its subjects.
type user struct {
	name         string
	passwordHash authn.Secret
	teams        []string
}

type session struct {
	user    string
	expires time.Time
}

// An apiKey lets a program of a team pull and push.
type apiKey struct{ team, secretHash string }

type personalToken struct {
	owner, secretHash string
	limit             *authn.Limit
}

// find returns a row of a table.
func find[Row any](p *portal, table map[string]Row, key string) (row Row, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	row, found = table[key]
	return row, found
}

// hashOf returns the form in which the portal stores random secrets. They cannot be guessed, so a
// fast hash will do, and a look-up by it shows nothing by its time.
func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
