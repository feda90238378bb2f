// Package refresh issues, redeems and revokes refresh tokens.
//
// A client that logs in with a password may ask the token server for a refresh token and keep that
// instead of the password: with offline_token=true in a GET request, or with access_type=offline in
// a POST request. The token is an opaque random string. It is bound to one subject and one service,
// ends after a fixed lifetime or when it is not used for some time, and can be revoked:
//
//	tokens, err := refresh.New(refresh.Config{Store: refresh.NewMemoryStore()})
//	…
//	text, record, err := tokens.Issue(ctx, subject, "registry.example.com", "docker")
//
// A [Store] holds a [Record] for each token, with an HMAC in place of the token. [NewMemoryStore]
// loses the records when the process ends, and clients have to log in again. To survive a restart,
// or to share tokens between servers, use a store on a database and a fixed [Config].Key.
//
// # Redeeming
//
// A token server calls [Tokens.Redeem] twice for each request with a refresh token:
//
//  1. Redeem returns the record of the token.
//  2. [authn.Confirm] returns record.Subject as it is now, or an error when the subject was removed
//     or disabled or has a new password.
//  3. The server decides what the subject may do, and signs the access token.
//  4. Redeem again. Without an error, the server sends the access token.
//
// The second call makes revocation exact: once [Tokens.Revoke] has returned, no revoked token
// passes step 4. Access tokens that were sent before remain valid until they expire.
//
// # No rotation
//
// Redeeming a token does not replace it, although RFC 9700, section 4.14.2, recommends that for
// public clients: docker, podman and skopeo keep the first token of a login and would be logged
// out. Short idle lifetimes and revocation limit the damage of a stolen token instead.
package refresh
