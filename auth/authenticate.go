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
	subject, err := s.cfg.Authenticator.Authenticate(ctx, &authn.Request{
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
// another password since gets nothing, and one who lost a group loses what it allowed.
func (s *Server) redeem(ctx context.Context, req *tokenRequest, record *AuditRecord) (authn.Subject, error) {
	if s.cfg.RefreshTokens == nil {
		return authn.Subject{}, unsupportedGrantType()
	}
	redeemed, err := s.cfg.RefreshTokens.Redeem(ctx, token.Secret(req.refreshToken), req.service)
	switch {
	case errors.Is(err, token.ErrRefreshInvalid):
		return authn.Subject{}, unauthorized(messageRefreshToken, err)
	case err != nil:
		return authn.Subject{}, unavailable(messageRefreshBroken, err)
	}
	record.RefreshTokenID = redeemed.ID
	subject, err := authn.Lookup(ctx, s.cfg.Authenticator, redeemed.Subject)
	if err == nil && (subject.Name != redeemed.Subject || subject.Stamp != redeemed.SubjectStamp || subject.Kind.String() != redeemed.SubjectKind) {
		err = fmt.Errorf("%w: the credentials of %+q have changed", authn.ErrRejected, redeemed.Subject)
	}
	if err != nil {
		return authn.Subject{}, lookupProblem(err)
	}
	return subject, nil
}

// refreshToken returns the refresh token of the answer, if any. A refresh is answered with the same token, since docker keeps
// the first one for ever.
func (s *Server) refreshToken(ctx context.Context, req *tokenRequest, subject authn.Subject, record *AuditRecord) (authn.Secret, error) {
	if !req.offline || s.cfg.RefreshTokens == nil || subject.Anonymous() {
		return "", nil
	}
	if req.grant == GrantRefreshToken {
		return req.refreshToken, nil
	}
	// A token that no later lookup could redeem is not given out: the client would drop the password for it.
	if _, err := authn.Confirm(ctx, s.cfg.Authenticator, subject); err != nil {
		s.cfg.logger().LogAttrs(ctx, slog.LevelWarn, "no refresh token: the subject cannot be looked up",
			slog.String("subject", subject.Name), slog.Any("error", err))
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
