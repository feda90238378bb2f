package auth

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
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
	redeemed, err := s.config.RefreshTokens.Redeem(ctx, req.refreshToken, req.service)
	if err != nil {
		return authn.Subject{}, refreshProblem(err)
	}
	record.RefreshTokenID = redeemed.ID
	subject, err := authn.Confirm(ctx, s.config.Authenticator, redeemed.Subject)
	if err != nil {
		return authn.Subject{}, refreshProblem(err)
	}
	if subject.Anonymous() {
		return authn.Subject{}, errNameless("directory")
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
	if err != nil { // the client gets its access token, and logs in with its password again
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
	if _, err := s.config.RefreshTokens.Redeem(ctx, req.refreshToken, req.service); err != nil {
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
	issued, record, err := s.config.RefreshTokens.Issue(ctx, subject, req.service, req.clientID)
	return issued, record.ID, err
}
