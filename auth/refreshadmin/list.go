package refreshadmin

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token/refresh"
)

// A query selects tokens and the page of a list.
type query struct {
	filter refresh.Filter
	after  string
	limit  int
}

func parseQuery(r *http.Request) (query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return query{}, reply.Invalid("the query is not well-formed")
	}
	q := query{limit: 100}
	for name, v := range values {
		if len(v) != 1 || v[0] == "" || !q.set(name, v[0], r.Method == http.MethodGet) {
			return query{}, reply.Invalid("each parameter must be sent once and be id, subject," +
				" service, kind (user, service_account), all=true or, in a list, after or" +
				" limit (1-1000)")
		}
	}
	if q.filter.Empty() { // also of a kind alone
		return query{}, reply.Invalid("one of id, subject, service and all=true is required")
	}
	return q, nil
}

// set stores a parameter and reports whether it is valid. Only a list has after and limit.
func (q *query) set(name, value string, list bool) (ok bool) {
	switch {
	case name == "id":
		q.filter.ID = value
	case name == "subject":
		q.filter.Subject = value
	case name == "service":
		q.filter.Service = value
	case name == "all" && value == "true":
		q.filter.All = true
	case name == "kind":
		q.filter.Kind = new(authn.Kind)
		return q.filter.Kind.UnmarshalText([]byte(value)) == nil
	case name == "after" && list:
		q.after = value
	case name == "limit" && list:
		q.limit, _ = strconv.Atoi(value) // 0 if it is not a number
		return q.limit >= 1 && q.limit <= 1000
	default:
		return false
	}
	return true
}

type listBody struct {
	RefreshTokens []listedToken `json:"refresh_tokens"`
	Next          string        `json:"next,omitempty"`
}

// listedToken is a record without hash and stamp.
type listedToken struct {
	ID        string       `json:"id"`
	Subject   string       `json:"subject"`
	Kind      authn.Kind   `json:"kind"`
	Limit     *authn.Limit `json:"limit,omitempty"`
	Service   string       `json:"service"`
	ClientID  string       `json:"client_id"` // chosen by the client
	IssuedAt  time.Time    `json:"issued_at"`
	LastUsed  time.Time    `json:"last_used"`
	ExpiresAt time.Time    `json:"expires_at"`
	IdleAt    time.Time    `json:"idle_at"` // when it expires unless it is used before
}

func (h *handler) list(ctx context.Context, q query, record *Record) (any, error) {
	page, err := h.config.Tokens.List(ctx, q.filter, q.after, q.limit+1)
	if err != nil {
		return nil, reply.Unavailable("the tokens cannot be listed at the moment", err)
	}
	body := listBody{RefreshTokens: []listedToken{}}
	if len(page) > q.limit { // the extra one shows that there is another page
		page = page[:q.limit]
		body.Next = page[q.limit-1].ID
	}
	record.Count = len(page)
	for _, r := range page {
		body.RefreshTokens = append(body.RefreshTokens, listedToken{
			r.ID, r.Subject.Name, r.Subject.Kind, r.Subject.Limit, r.Service, r.ClientID,
			r.IssuedAt.UTC(), r.LastUsed.UTC(), r.ExpiresAt.UTC(), r.IdleAt.UTC(),
		})
	}
	return body, nil
}
