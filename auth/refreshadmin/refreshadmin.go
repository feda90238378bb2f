// Package refreshadmin serves the administration of refresh tokens over HTTP: listing and revoking
// them, for the programs and people that [Config].Allow lets through.
//
//	GET    ?subject=alice                 lists the tokens of alice, without the tokens themselves
//	DELETE ?id=K3T…                       revokes one
//	DELETE ?subject=alice&kind=user       revokes all of a subject
//	DELETE ?service=registry.example.com  revokes all for a service
//
// Several parameters select the tokens that have all of the values; all=true selects every token.
// A parameter that is unknown, empty or sent twice is an error, so that a typing mistake does not
// select more than was meant.
//
// The answers are {"refresh_tokens":[…]} and {"revoked":3}; errors have the form of the token
// endpoint's. Once a revocation is answered, none of the tokens is redeemed any more. Access tokens
// that were issued before live until they expire.
//
// Mount the handler under a path of its own, best at an address that is not public. Other sites'
// pages cannot use it through a browser.
package refreshadmin
