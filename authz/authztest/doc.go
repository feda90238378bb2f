// Package authztest tests policies: tables that read like the policy, and properties that every policy must have.
//
//	func TestPolicy(t *testing.T) {
//		anonymous, alice := authn.Subject{}, authn.Subject{Name: "alice"}
//		authztest.Run(t, policy, authztest.Table{
//			authztest.As(alice, authztest.Grants{
//				"repository:alice/app:pull,push": "pull,push",
//				"repository:bob/app:pull":        "",
//			}),
//			authztest.As(anonymous, authztest.Grants{
//				"repository:public/app:pull,push": "pull",
//			}),
//		})
//		authztest.CheckInvariants(t, policy, []authn.Subject{anonymous, alice})
//	}
//
// A question that is answered otherwise fails its subtest and prints the difference, and the reason that the policy gave.
package authztest
