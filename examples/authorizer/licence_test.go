package authorizer

import (
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz/authztest"
)

func TestLicences(t *testing.T) {
	june30 := time.Date(2030, 6, 30, 0, 0, 0, 0, time.UTC)
	sold := Licences{
		LastDay: map[string]map[string]time.Time{
			"acme":   {"database": june30.AddDate(0, 6, 0), "gateway": june30},
			"globex": {"gateway": june30.AddDate(0, 0, 1)},
		},
		Now: func() time.Time { return june30.Add(36 * time.Hour) }, // July 1, noon
	}
	anonymous := authn.Subject{}
	acme, globex := authn.Subject{Name: "acme"}, authn.Subject{Name: "globex"}

	authztest.Run(t, sold, []authztest.Case{
		authztest.As(acme, authztest.Grants{
			"repository:products/database:pull,push":   "pull",
			"repository:products/database/tools:pull":  "pull",
			"repository:products/gateway:pull":         "", // it ended yesterday
			"repository:products/unknown:pull":         "",
			"repository:products/database-beta:pull":   "",
			"repository:my/products/database:pull":     "",
			"artifact-repository:products/charts:pull": "",
			"registry:catalog:*":                       "",
		}),
		authztest.As(globex, authztest.Grants{
			"repository:products/gateway:pull,delete": "pull", // today is its last day
			"repository:products/database:pull":       "",
		}),
		authztest.As(authn.Subject{Name: "acme", Kind: authn.KindServiceAccount}, authztest.Grants{
			"repository:products/database:pull": "",
		}),
		authztest.As(anonymous, authztest.Grants{"repository:products/gateway:pull": ""}),
	})
	matrix := authztest.Matrix{
		Subjects:  []authn.Subject{anonymous, acme, globex},
		Resources: []string{"products/database", "products/gateway"},
	}
	authztest.Golden(t, sold, matrix, "testdata/licences.txt")
	authztest.CheckInvariants(t, sold, matrix.Subjects)
}
