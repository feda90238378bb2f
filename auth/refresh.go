package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token/refresh"
)

// redeem returns the current subject of a refresh token. It refuses a subject that was removed,
// disabled or given another password, but does not revoke the token, so that a temporary mistake of
// the directory logs nobody out.
func (s *Server) redeem(r *http.Request, req *tokenRequest) (authn.Subject, error) {
	ctx := r.Context()
	if s.config.RefreshTokens == nil {
		return authn.Subject{}, unsupportedGrantType()
	}
	record, err := s.config.RefreshTokens.Redeem(ctx, req.refreshToken, req.record.Service)
	if err != nil {
		return authn.Subject{}, refreshProblem(err)
	}
	req.record.RefreshTokenID = record.ID
	subject, err := authn.Confirm(ctx, s.config.Authenticator, record.Subject)
	if err != nil {
		return authn.Subject{}, refreshProblem(err)
	}
	return subject, nil
}

// refreshToken returns the refresh token for the answer, if any. If none can be issued, the client
// still gets its access token and logs in with the password again later.
func (s *Server) refreshToken(ctx context.Context, req *tokenRequest) (authn.Secret, error) {
	record := req.record
	if req.refreshToken != "" {
		return s.keepRefreshToken(ctx, req)
	}
	if !req.offline || s.config.RefreshTokens == nil || record.Subject.Anonymous() {
		return "", nil
	}
	issued, err := s.issueRefreshToken(ctx, record)
	if err != nil {
		record.RefreshTokenErr = err
		reply.Logger(s.config.Logger).LogAttrs(ctx, slog.LevelWarn, "no refresh token",
			slog.String("subject", reply.Visible(record.Subject.Name)),
			slog.String("error", reply.Visible(err.Error())))
	}
	return issued, nil
}

// keepRefreshToken returns the same refresh token if the client asks for one, because docker never
// replaces its first. It redeems the token again, after the access token is signed: if the token
// was revoked in between, the access token is not sent.
func (s *Server) keepRefreshToken(ctx context.Context, req *tokenRequest) (authn.Secret, error) {
	_, err := s.config.RefreshTokens.Redeem(ctx, req.refreshToken, req.record.Service)
	if err != nil {
		return "", refreshProblem(err)
	}
	if !req.offline {
		return "", nil
	}
	return req.refreshToken, nil
}

// issueRefreshToken issues a refresh token if the subject can be confirmed. Otherwise the token
// would be useless, and the client would have discarded the password for it. A source that confirms
// another subject than the login proved may confirm the account's rights in place of those of a
// credential that has fewer.
func (s *Server) issueRefreshToken(ctx context.Context, a *AuditRecord) (authn.Secret, error) {
	confirmed, err := authn.Confirm(ctx, s.config.Authenticator, a.Subject)
	if err != nil {
		return "", fmt.Errorf("confirm the subject: %w", err)
	}
	if !confirmed.Equal(a.Subject) {
		return "", errors.New("the source confirms the subject with other facts than its login")
	}
	issued, record, err := s.config.RefreshTokens.Issue(ctx, a.Subject, a.Service, a.ClientID)
	if err != nil {
		return "", err
	}
	a.RefreshTokenIssued, a.RefreshTokenID = true, record.ID
	return issued, nil
}

// refreshProblem is authenticationProblem for a refresh token and its subject. A subject that
// cannot be confirmed any more must log in again.
func refreshProblem(err error) error {
	for _, gone := range []error{
		refresh.ErrInvalid, authn.ErrNoMatch, authn.ErrRejected, authn.ErrNoLookup,
	} {
		if errors.Is(err, gone) {
			return unauthorized("the refresh token is not valid, log in again", err)
		}
	}
	return reply.Unavailable("the refresh token cannot be checked at the moment", err)
}
