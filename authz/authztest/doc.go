// Package authztest tests policies: with tables of cases, with a file that lists who may do what,
// and with properties that every policy must have.
//
//	func TestPolicy(t *testing.T) {
//		anonymous, alice := authn.Subject{}, authn.Subject{Name: "alice"}
//		authztest.Run(t, policy, []authztest.Case{
//			authztest.As(alice, authztest.Grants{
//				"repository:alice/app:pull,push": "pull,push",
//				"repository:bob/app:pull":        "",
//			}),
//			authztest.As(anonymous, authztest.Grants{
//				"repository:public/app:pull,push": "pull",
//			}),
//		})
//		authztest.Golden(t, policy, authztest.Matrix{
//			Subjects:  []authn.Subject{anonymous, alice},
//			Resources: []string{"alice/app", "public/app", "registry:catalog"},
//		}, "testdata/policy.txt")
//		authztest.CheckInvariants(t, policy, []authn.Subject{anonymous, alice})
//	}
//
// [Run], [Golden] and [CheckInvariants] take options that change each request before the policy
// sees it:
//
//	authztest.Run(t, policy, cases, func(r *authz.Request) { r.Service = "registry.example.com" })
package authztest
