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
// ES256 is the default, and every registry takes it. [EdDSA], which is Ed25519, costs a third less, and is for those who know their
// registries:
//
//	distribution 2.8    does not start with an Ed25519 certificate in its bundle
//	distribution 3.0    takes it by x5c; the kid that it computes is wrong, so a key without a certificate is not found
//	distribution 3.1    takes it
//	zot                 takes it, by its documentation
//
// RS256 costs seventy times as much as ES256, with the 3072 bits of [GenerateKey], and is for what knows nothing else. The key may live
// elsewhere: [NewKey] takes any [crypto.Signer]. [Key.Warnings] tells what will not work with which registry; log it at start.
// Give each service a key of its own where zot is among them, since zot checks neither aud nor iss.
//
// # Many who ask the same
//
// A cluster of which each node starts one image asks for the same token a thousand times. With [IssuerConfig.ShareFor] they are
// given the same one for a while, which costs one signature; the comment of that field says what it means for the audit.
//
// # Changing keys
//
// Best is not to have to tell anybody. An [Authority] stands in the rootcertbundle of the registries for years, and
// [AuthorityKeys] make short-lived keys below it, which no registry notices:
//
//	authority, err := token.LoadAuthority("authority.key", "authority.crt") // or token.GenerateAuthority, once
//	keys, err := token.NewAuthorityKeys(token.AuthorityConfig{Authority: authority})
//	issuer, err := token.NewIssuer(token.IssuerConfig{Name: "auth.example.com", Keys: keys.Keys()})
//
// Distribution 2.8 and 3.x take that, and a [Verifier] with Roots. Zot does not: it knows one key, that of the certificate in
// its configuration. Distribution needs the chain only up to what is in its bundle: a leaf without the authority is
// accepted where the authority itself is there, and refused where one above it is.
//
// A key with a certificate of its own is changed by hand, in this order. Distribution and zot read keys only at start:
//
//  1. [KeySet.Add] the next key. It verifies, and is in the bundle and in the JWKS.
//  2. Write [KeySet.BundlePEM] to the rootcertbundle of each registry and start it again, one replica after the other.
//     Both keys are known now.
//  3. [KeySet.Promote] the next key. A registry that was forgotten refuses all tokens from here on; promoting the old key
//     again helps at once.
//  4. Wait for the lifetime of a token and two minutes, for the leeway and the clocks.
//  5. [KeySet.Retire] the old key, and write the bundle again. Registries forget the old key when they are next started;
//     start them now if it has leaked.
//
// Distribution 3 with a file in jwks goes the same way, with [KeySet.JWKS] in step 2: it reads that file at start as well. Where
// a token has an x5c it does not look at the kid, so jwks without a rootcertbundle is for keys without a certificate.
// For a verifier that fetches the JWKS now and then, step 2 is to wait as long as it may keep the document, a minute for
// that of package auth.
//
// A [KeyFile] follows a key in a file. It does steps 1, 3 and 5 by itself where it is known that the registries accept the new
// key, and waits after the first where it is not.
//
// # What is not done
//
// There is no symmetric algorithm, no "none", no encryption, and a key that a token brings along (jwk, jku, x5u) is never
// looked at.
package token
