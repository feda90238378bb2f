module github.com/berthpass/registry-auth

go 1.25.0

require (
	github.com/distribution/reference v0.6.0
	github.com/go-jose/go-jose/v4 v4.1.8
	golang.org/x/crypto v0.55.0
)

require (
	github.com/opencontainers/go-digest v1.0.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)
