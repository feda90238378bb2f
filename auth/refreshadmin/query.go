package refreshadmin

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/berthpass/registry-auth/auth/internal/reply"
	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/token/refresh"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// A query selects tokens and, of a list, the page.
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
	q := query{limit: defaultLimit}
	for name, values := range values {
		if len(values) != 1 || values[0] == "" {
			return query{}, reply.Invalid("a parameter is empty or sent more than once")
		}
		// A revocation has no pages: "limit=1" would promise to revoke one token.
		ok := q.filterBy(name, values[0]) || r.Method == http.MethodGet && q.page(name, values[0])
		if !ok {
			return query{}, reply.Invalid("a parameter is none of id, subject, service, all=true," +
				" kind (user or service account) and, for a list, after and limit (1 to 1000)")
		}
	}
	if q.filter.Empty() { // also for a kind alone
		return query{}, reply.Invalid("nothing is selected:" +
			" name an id, a subject or a service, or say all=true")
	}
	return q, nil
}

func (q *query) filterBy(name, value string) (ok bool) {
	switch name {
	case "id":
		q.filter.ID = value
	case "subject":
		q.filter.Subject = value
	case "service":
		q.filter.Service = value
	case "all":
		q.filter.All = value == "true"
		return q.filter.All
	case "kind":
		for _, kind := range []authn.Kind{authn.KindUser, authn.KindServiceAccount} {
			if value == kind.String() {
				q.filter.Kind = &kind
			}
		}
		return q.filter.Kind != nil
	default:
		return false
	}
	return true
}

func (q *query) page(name, value string) (ok bool) {
	switch name {
	case "after":
		q.after = value
		return true
	case "limit":
		limit, err := strconv.Atoi(value)
		q.limit = limit
		return err == nil && limit >= 1 && limit <= maxLimit
	default:
		return false
	}
}
