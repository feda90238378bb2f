// Package token issues and verifies the access tokens that registries accept.
//
// An [Issuer] signs tokens with its [Keys]. Most programs need no more than this:
//
//	issuer, err := token.NewIssuer(token.IssuerConfig{
//		Name: "auth.example.com", Keys: token.KeyFiles("auth.key", "auth.crt"),
//	})
//	issued, err := issuer.Issue(ctx, token.Request{
//		Subject: "alice", Audience: "registry.example.com", Access: allowed,
//	})
//
// The registry has auth.crt as its rootcertbundle. A [Verifier] is the registry's side, for tests,
// proxies and your own registries. Package token/share gives one token to identical requests, and
// package token/refresh has refresh tokens.
//
// # The access token
//
// It is a JWT (RFC 7519) in JWS compact form (RFC 7515) that every registry accepts:
//
//	typ     "JWT"
//	alg     the one algorithm of the key
//	kid     the RFC 7638 thumbprint of the key, or its libtrust id
//	x5c     the certificates of the key, if it has any
//
//	iss     the name of the issuer
//	sub     the subject, "" for the anonymous one
//	aud     the service, a plain string
//	iat     the time of issue minus five seconds, as is nbf
//	exp     the end of the lifetime, or of the credentials before
//	jti     130 random bits
//	access  [{"type":"repository","name":"team/app","actions":["pull","push"]}], never null
//	…       the claims of [Request].Extra
//
// Distribution 2.8 and 3.x disagree about the kid, and 3.0 computes it wrongly for elliptic
// curves, but all of them find the key by x5c. So a key should have a certificate, which
// rootcertbundle lists; see [KeySet.BundlePEM]. Distribution 2.8 accepts nothing but a string in
// aud, and zot refuses an iat in its future, without leeway.
//
// # Keys
//
// Every registry accepts ES256, the default, if it has the certificate of the key. Without a
// rootcertbundle, distribution 3 refuses tokens with an x5c, even if the key is in its jwks.
// [EdDSA], which is Ed25519, signs in a third less time:
//
//	distribution 2.8    does not start with an Ed25519 certificate in its bundle
//	distribution 3.0    accepts it by x5c; it computes a wrong kid, so the key needs a certificate
//	distribution 3.1    accepts it
//	zot                 accepts it, says its documentation
//
// RS256, with the 3072 bits of [GenerateKey], takes seventy times as long as ES256, and is for
// software that supports nothing else. [NewKey] takes any [crypto.Signer], such as one in a KMS.
// [Key.Warnings] lists incompatible registries; log them at start. Zot checks neither aud nor iss,
// so give each service a key of its own if one of them is zot.
//
// There is no symmetric algorithm, no "none" and no encryption. A verifier never uses a key from a
// token (jwk, jku, x5u), except that of its x5c if that leads to [VerifierConfig].Roots.
//
// # Key rotation
//
// The simplest rotation is one that registries do not notice. The certificate of an [Authority]
// stays in their rootcertbundle for years, and its short-lived keys sign ([AuthorityKeys]):
//
//	key, err := token.LoadKey("authority.key", "authority.crt") // see token.GenerateAuthority
//	authority, err := token.NewAuthority(key)
//	config := token.IssuerConfig{Name: "auth.example.com", Keys: authority}
//
// Distribution 2.8 and 3.x support that, if the authority itself is in the bundle, and so does a
// [Verifier] with Roots. Zot does not. A verifier that fetches the JWKS works with one replica
// only, and a key that leaked is accepted until its certificate ends.
//
// A key with a certificate of its own is rotated by hand, since registries read keys only at
// start. The [KeySet] is in memory: do steps 1, 3 and 5 in each replica of the token server. One
// that restarts in between needs both keys, from files, in [NewKeySet].
//
//  1. [KeySet.Add] the next key. It verifies, and is in the bundle and in the JWKS.
//  2. Write [KeySet.BundlePEM] to the rootcertbundle of each registry and restart it, one replica
//     after the other. They know both keys now.
//  3. [KeySet.Promote] the next key. A registry that was forgotten refuses all tokens from here
//     on; promoting the old key again helps at once.
//  4. Wait for the lifetime of a token and two minutes, for the leeway and the clocks.
//  5. [KeySet.Retire] the old key, and write the bundle again. Registries forget the old key at
//     their next start; restart them now if it has leaked.
//
// Zot reads only the first certificate of its file, so it cannot know two keys: replace the file
// and restart zot at the moment of step 3. For distribution 3 with a file in jwks, write
// [KeySet.JWKS] in step 2. For a verifier that fetches the JWKS, step 2 is to wait as long as it
// may cache the document, a minute for that of package auth.
package token
