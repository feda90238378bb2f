// Package throttle slows down password guessing: it refuses logins after too many failures.
//
//	users := throttle.New(authn.Cache(source, authn.CacheConfig{}), throttle.Config{})
//
// It belongs in front of everything else, the cache too. A refused login is an [*Error], which the
// token server answers with 429 and Retry-After. Behind a proxy, RemoteAddr must be the address of
// the client, or all clients share one count.
//
// # Rules
//
// Failures are counted twice. A pair is one account and one network: an IPv4 address, or an IPv6
// /64. After 10 failures of a pair, its next login waits one second, and the wait doubles with each
// further failure, up to 15 minutes. A network has one count for all accounts, and 100 free
// failures. IPv6 networks are also counted by /56 and /48, with 4 and 16 times as many. A login
// from an unknown address has a pair, with no network. A count is forgotten when no failure has
// followed for 15 minutes.
//
// An account is known by the name that an [authn.Directory] returns for the typed one, or else by
// the typed one. Case and surrounding white space make no difference, so every spelling of a name
// has the same count.
//
// A login fails once the source was asked and answered [authn.ErrRejected] or [authn.ErrNoMatch],
// or the client hung up before it answered. Other errors say nothing about the password and count
// nothing. A refused login does not reach the source and does not count either.
//
// Logins under way count as failures for others, so parallel guesses are no faster. Identical
// logins under way are one: they share one call of the source. The same wrong credentials within a
// second are one failure, and the source is asked once: clients repeat a POST as a GET. At most
// half of GOMAXPROCS, and at least two, different logins of a network are checked at once; others
// wait for two seconds and are then refused.
//
// Credentials that were right are never locked out: for 24 hours, they pass from the same network
// whatever is counted. A stranger in that network could use this to test guesses that are refused.
// So a refused guess counts as a failure of such a pair, without a longer wait than MaxDelay, and
// beyond 1000 failures the right credentials wait as well. A success with other credentials clears
// the failures of the pair. No success clears those of the network.
//
// Answers that took no check are delayed by one second, a thousand of them at once: most floods
// wait for each response before sending the next request.
//
// Requests without a user name pass through unchanged.
//
// # Replicas and reloads
//
// Counts live in memory, of bounded size. To keep them when the configuration is reloaded, or to
// share them between replicas, set Store and Key. When the Store is broken or slow, each process
// counts in its own memory, and tries the Store again every five seconds.
package throttle
