// Package refresh issues, redeems and revokes refresh tokens.
//
// A client that logs in with a password may ask the token server for a refresh token and keep that
// instead of the password: with offline_token=true in a GET request, or with access_type=offline in
// a POST request. The token is an opaque random string. It is bound to one subject and one service
// and can be revoked. It expires after a fixed lifetime, with the credentials of the login, or when
// it is not used for some time:
//
//	tokens := refresh.InMemory()
//	…
//	token, record, err := tokens.Issue(ctx, subject, "registry.example.com", "docker")
//
// A [Store] holds a [Record] for each token, with an HMAC in place of the token. The memory store
// loses them when the process ends, and clients have to log in again. To survive a restart, or to
// share tokens between servers, give [New] a store on a database and a fixed key.
//
// # Redeeming
//
// A token server calls [Tokens.Redeem] twice for each request with a refresh token:
//
//  1. Redeem the token.
//  2. Confirm record.Subject with [authn.Confirm], which returns the subject as it is now.
//  3. Authorize the subject, and sign the access token.
//  4. Redeem the token again, and send the access token only if there is no error.
//
// The answer is 401 if step 1 or 4 returns [ErrInvalid] or step 2 rejects the subject, and 503 if
// the store or the source of users fails. Do not revoke the token of a rejected subject: it is
// useless until the subject is accepted again, and a directory may be wrong for a while.
//
// After [Tokens.Revoke] returns nil, Redeem fails for the revoked tokens on every server. A request
// that had already passed step 4 may still send its access token, and access tokens remain valid
// until they expire.
//
// # No rotation
//
// Redeeming does not replace the token, although RFC 9700, section 4.14.2, recommends it: docker,
// podman and skopeo keep the token of the login and would be logged out. Idle lifetimes and
// revocation limit the damage of a stolen token instead.
package refresh
