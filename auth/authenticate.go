package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token"
)

// authenticate finds out who asks, by whatever the request presents.
func (s *Server) authenticate(ctx context.Context, r *http.Request, req *tokenRequest, record *AuditRecord) (authn.Subject, error) {
	if req.grant == GrantRefreshToken {
		return s.redeem(ctx, req, record)
	}
	withPassword := req.grant != GrantAnonymous
	if withPassword && !wellFormed(req.username, req.password) {
		return authn.Subject{}, unauthorized(messageWrong, errors.New("malformed user name or password"))
	}
	subject, err := s.cfg.Authenticator.Authenticate(ctx, authn.Request{
		Username:   req.username,
		Password:   req.password,
		TLS:        r.TLS,
		RemoteAddr: record.RemoteAddr,
		Service:    req.service,
		ClientID:   req.clientID,
	})
	switch {
	case !withPassword && errors.Is(err, authn.ErrNoMatch):
		subject, err = authn.Subject{}, s.anonymousRefused()
	case err != nil:
		err = authenticationProblem(err)
	case subject.Anonymous():
		err = internalError(errors.New("the authenticator returned a subject without a name"))
	}
	if err != nil {
		return authn.Subject{}, err
	}
	if !withPassword && !subject.Anonymous() {
		record.Grant = GrantConnection
	}
	// With a password the account was compared with the user name already, which the source of users may spell otherwise.
	if !withPassword && req.account != "" && req.account != subject.Name {
		return authn.Subject{}, invalidRequest("the account parameter is not the user who authenticates")
	}
	return subject, nil
}

// anonymousRefused is the answer to a request without any credentials where there may be none.
func (s *Server) anonymousRefused() error {
	if s.cfg.AnonymousAllowed {
		return nil
	}
	return unauthorized(messageRequired, nil)
}

// redeem finds the subject of a refresh token. The subject is looked up anew, so that one who was removed, disabled or given
// another password since gets nothing, and one who lost a group loses what it allowed. The token is not revoked for it: it is
// worthless as long as that lasts, and a directory that is wrong for a while logs nobody out.
func (s *Server) redeem(ctx context.Context, req *tokenRequest, record *AuditRecord) (authn.Subject, error) {
	if s.cfg.RefreshTokens == nil {
		return authn.Subject{}, unsupportedGrantType()
	}
	redeemed, err := s.cfg.RefreshTokens.Redeem(ctx, token.Secret(req.refreshToken), req.service)
	if err != nil {
		return authn.Subject{}, refreshProblem(err)
	}
	record.RefreshTokenID = redeemed.ID
	subject, err := authn.Lookup(ctx, s.cfg.Authenticator, redeemed.Subject)
	if err == nil && subject.Anonymous() { // a bug of the directory's, and no reason to make clients forget their tokens
		return authn.Subject{}, internalError(errors.New("the directory returned a subject without a name"))
	}
	if err == nil && (subject.Name != redeemed.Subject || subject.Stamp != redeemed.SubjectStamp || subject.Kind.String() != redeemed.SubjectKind) {
		err = fmt.Errorf("%w: the credentials of %+q have changed", authn.ErrRejected, redeemed.Subject)
	}
	if err != nil {
		return authn.Subject{}, lookupProblem(err)
	}
	return subject, nil
}

// renew returns the refresh token of the answer to a refresh: the same where it is asked for, since docker keeps the first one for
// ever. One that takes its place is in the answer always (RFC 6749, section 6): the old one is about to end, and a thief
// must not get around that by not asking.
//
// It is the last step, and fails when the token was revoked since the first. So no access token is given away that is younger than
// an acknowledged revocation, and no error costs a client the token that it has.
func (s *Server) renew(ctx context.Context, req *tokenRequest, record *AuditRecord) (authn.Secret, error) {
	renewed, err := s.cfg.RefreshTokens.Renew(ctx, token.Secret(req.refreshToken), req.service)
	if err != nil {
		return "", refreshProblem(err)
	}
	if replaced := authn.Secret(renewed) != req.refreshToken; replaced || req.offline {
		record.RefreshTokenIssued = replaced
		return authn.Secret(renewed), nil
	}
	return "", nil
}

// refreshToken returns the refresh token of the answer, if any.
func (s *Server) refreshToken(ctx context.Context, req *tokenRequest, subject authn.Subject, record *AuditRecord) (authn.Secret, error) {
	if req.grant == GrantRefreshToken {
		return s.renew(ctx, req, record)
	}
	if !req.offline || s.cfg.RefreshTokens == nil || subject.Anonymous() {
		return "", nil
	}
	// A token that no later lookup could redeem is not given out: the client would drop the password for it.
	if _, err := authn.Confirm(ctx, s.cfg.Authenticator, subject); err != nil {
		s.cfg.logger().LogAttrs(ctx, slog.LevelWarn, "no refresh token: the subject cannot be looked up",
			slog.String("subject", visible(subject.Name)), slog.String("error", visible(err.Error())))
		return "", nil
	}
	issued, kept, err := s.cfg.RefreshTokens.Issue(ctx, token.RefreshGrant{
		Subject:      subject.Name,
		SubjectKind:  subject.Kind.String(),
		SubjectStamp: subject.Stamp,
		Service:      req.service,
		ClientID:     req.clientID,
	})
	if err != nil {
		return "", unavailable("a refresh token cannot be stored at the moment", err)
	}
	record.RefreshTokenIssued, record.RefreshTokenID = true, kept.ID
	return authn.Secret(issued), nil
}
