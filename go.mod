module github.com/berthpass/registry-auth

go 1.26.6

require github.com/distribution/reference v0.6.0

require (
	github.com/go-jose/go-jose/v4 v4.1.8 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
)
