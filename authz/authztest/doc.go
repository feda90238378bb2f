// Package authztest tests policies: by a table of cases, by a file that lists who may do what, by
// properties that every policy must have, and by a search for rules that no test needs.
//
//	var rules = []authz.Authorizer{authz.PublicPull("public"), outside, authz.OwnNamespace()}
//
//	func newPolicy(rules []authz.Authorizer) (authz.Authorizer, error) {
//		return authz.First(rules...), nil
//	}
//
//	func TestPolicy(t *testing.T) {
//		anonymous, alice := authn.Subject{}, authn.Subject{Name: "alice"}
//		cases := []authztest.Case{
//			authztest.As(anonymous, authztest.Grants{
//				"repository:public/app:pull,push": "pull",
//			}),
//			authztest.As(alice, authztest.Grants{
//				"repository:alice/app:pull,push": "pull,push",
//				"repository:bob/app:pull":        "",
//			}, from("10.1.2.3")),
//			authztest.As(alice, authztest.Grants{
//				"repository:alice/app:pull,push": "",
//			}, from("192.0.2.7")),
//		}
//		matrix := authztest.Matrix{
//			Services:  []string{"eu.example.com", "us.example.com"},
//			Subjects:  []authn.Subject{anonymous, alice},
//			Resources: []string{"alice/app", "public/app", "registry:catalog"},
//		}
//		policy, _ := newPolicy(rules)
//		authztest.Run(t, policy, cases)
//		authztest.Golden(t, policy, matrix, "testdata/policy.txt")
//		authztest.CheckInvariants(t, policy, matrix.Subjects)
//		authztest.Mutants(t, rules, newPolicy, cases, matrix)
//	}
//
// # Requests
//
// An option changes a request before the policy sees it, for one case or for all: the service, the
// client, its address, or the labels and the Data of the subject:
//
//	func from(address string) func(*authz.Request) {
//		return func(r *authz.Request) { r.RemoteAddr = netip.MustParseAddr(address) }
//	}
//
// [WithContext] is for policies that read values from the context, such as a tenant.
package authztest
