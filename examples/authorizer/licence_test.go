package main

import (
	"testing"
	"time"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authz/authztest"
)

func TestLicences(t *testing.T) {
	sold := licences{
		lastDay: map[string]map[string]time.Time{
			"acme":   {"database": date(2030, 12, 31), "gateway": date(2030, 6, 30)},
			"globex": {"gateway": date(2030, 7, 1)},
		},
		now: func() time.Time { return date(2030, 7, 1).Add(12 * time.Hour) },
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
		authztest.As(anonymous, authztest.Grants{
			"repository:products/gateway:pull": "",
		}),
	})
	authztest.Golden(t, sold, authztest.Matrix{
		Subjects:  []authn.Subject{anonymous, acme, globex},
		Resources: []string{"products/database", "products/gateway"},
	}, "testdata/licences.txt")
	authztest.CheckInvariants(t, sold, []authn.Subject{anonymous, acme, globex})
}
