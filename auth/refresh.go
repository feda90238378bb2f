package auth

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token"
)

// redeem returns the subject of a refresh token as it is now. A subject that was removed, disabled
// or given another password gets nothing. The token is not revoked for that, so that a directory
// that is wrong for a while logs nobody out.
func (s *Server) redeem(
	ctx context.Context, req *tokenRequest, record *AuditRecord,
) (authn.Subject, error) {
	if s.config.RefreshTokens == nil {
		return authn.Subject{}, unsupportedGrantType()
	}
	redeemed, err := s.config.RefreshTokens.Redeem(ctx, token.Secret(req.refreshToken), req.service)
	if err != nil {
		return authn.Subject{}, refreshProblem(err)
	}
	record.RefreshTokenID = redeemed.ID
	subject, err := authn.Lookup(ctx, s.config.Authenticator, redeemed.Subject)
	if err == nil && subject.Anonymous() {
		return authn.Subject{}, errNameless("directory") // no reason to make clients log in again
	}
	if err == nil && (subject.Name != redeemed.Subject || subject.Stamp != redeemed.SubjectStamp || subject.Kind.String() != redeemed.SubjectKind) {
		err = fmt.Errorf("%w: the credentials of %+q have changed", authn.ErrRejected, redeemed.Subject)
	}
	if err != nil {
		return authn.Subject{}, refreshProblem(err)
	}
	return subject, nil
}

// refreshToken returns the refresh token of the answer, if any.
func (s *Server) refreshToken(
	ctx context.Context, req *tokenRequest, record *AuditRecord,
) (authn.Secret, error) {
	if req.credentials == credentialsRefresh {
		return s.keepRefreshToken(ctx, req)
	}
	subject := record.Subject
	if !req.offline || s.config.RefreshTokens == nil || subject.Anonymous() {
		return "", nil
	}
	issued, id, err := s.issueRefreshToken(ctx, req, subject)
	if err != nil { // the client has its access token, and asks with its password next time
		record.RefreshTokenErr = err
		s.config.logger().LogAttrs(ctx, slog.LevelWarn, "no refresh token",
			slog.String("subject", reply.Visible(subject.Name)),
			slog.String("error", reply.Visible(err.Error())))
		return "", nil
	}
	record.RefreshTokenIssued, record.RefreshTokenID = true, id
	return issued, nil
}

// keepRefreshToken answers with the same refresh token if the client asks for it: docker keeps the
// first one forever.
//
// It redeems the token a second time, as the last step: a token that was revoked during the request
// yields no access token that is younger than the revocation.
func (s *Server) keepRefreshToken(ctx context.Context, req *tokenRequest) (authn.Secret, error) {
	_, err := s.config.RefreshTokens.Redeem(ctx, token.Secret(req.refreshToken), req.service)
	if err != nil {
		return "", refreshProblem(err)
	}
	if !req.offline {
		return "", nil
	}
	return req.refreshToken, nil
}

// issueRefreshToken makes a refresh token for a subject that can be confirmed at its use. Any other
// would be useless, and the client would discard the password for it.
func (s *Server) issueRefreshToken(
	ctx context.Context, req *tokenRequest, subject authn.Subject,
) (issued authn.Secret, id string, err error) {
	if _, err := authn.Confirm(ctx, s.config.Authenticator, subject); err != nil {
		return "", "", fmt.Errorf("confirm the subject: %w", err)
	}
	text, record, err := s.config.RefreshTokens.Issue(ctx, token.RefreshGrant{
		Subject:      subject.Name,
		SubjectKind:  subject.Kind.String(),
		SubjectStamp: subject.Stamp,
		Service:      req.service,
		ClientID:     req.clientID,
	})
	if err != nil {
		return "", "", fmt.Errorf("store a refresh token: %w", err)
	}
	return authn.Secret(text), record.ID, nil
}
