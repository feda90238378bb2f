package scope_test

import (
	"testing"

	"github.com/berthpass/registry-auth/scope"
)

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := scope.Parse("repository:team/project/app:pull,push"); err != nil {
			b.Fatal(err)
		}
	}
}
