// Package token makes what a token server gives away: access tokens, which registries check, and refresh tokens, which
// only the token server itself understands.
//
// An [Issuer] signs access tokens with the signing key of a [KeySet]:
//
//	key, err := token.LoadKey("auth.key", "auth.crt") // or token.GenerateKey(token.ES256)
//	keys, err := token.NewKeySet(key)
//	issuer, err := token.NewIssuer(token.IssuerConfig{Name: "auth.example.com", Keys: keys})
//	issued, err := issuer.Issue(ctx, token.Grant{Subject: "alice", Audience: "registry.example.com", Access: granted})
//
// A [Verifier] is the registry's side of it, for tests, proxies and registries of one's own. [RefreshTokens] makes and
// redeems refresh tokens over a [RefreshStore].
//
// # The access token
//
// It is a JWT (RFC 7519) in JWS compact form (RFC 7515), made so that every registry accepts it:
//
//	typ     "JWT"
//	alg     the one algorithm of the key
//	kid     the RFC 7638 thumbprint of the key, or its libtrust id
//	x5c     the certificates of the key, when it has any
//
//	iss     the name of the issuer
//	sub     the subject, "" for the anonymous one
//	aud     the service, a plain string
//	iat     the time of issue less five seconds, as is nbf
//	exp     the end of the lifetime
//	jti     128 random bits
//	access  [{"type":"repository","name":"team/app","actions":["pull","push"]}], never null
//
// Distribution 2.8 and 3.x disagree about the kid, and 3.0 computes it wrongly for elliptic curves, but all of them find
// the key by x5c. So a key should have a certificate, which rootcertbundle then lists; see [KeySet.BundlePEM]. Distribution
// 2.8 takes nothing but a string in aud, and zot refuses an iat in its future, without leeway.
//
// # Keys
//
// ES256 is the default and the one to keep: RS256 costs fifty times as much, and distribution 2.8 does not start when an
// Ed25519 certificate is in its bundle. The key may live elsewhere: [NewKey] takes any [crypto.Signer]. [Key.Warnings]
// tells what will not work with which registry; log it at start. Give each service a key of its own where zot is among
// them, since zot checks neither aud nor iss.
//
// Keys are changed without a failed request in three steps: [KeySet.Add] publishes the next key; once the registries know
// it (distribution and zot read keys only at start), [KeySet.Promote] lets it sign; and when the last token of the old key
// has expired, [KeySet.Retire] removes that one.
//
// # What is not done
//
// There is no symmetric algorithm, no "none", no encryption, and a key that a token brings along (jwk, jku, x5u) is never
// looked at.
package token
