package throttletest_test

import (
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/throttletest"
)

func TestMemory(t *testing.T) {
	throttletest.Run(t, func(*testing.T) authn.ThrottleStore { return authn.NewThrottleMemory(100) })
}
