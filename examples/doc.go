// Package examples holds programs built from the public packages, and the end-to-end tests:
//
//   - quickstart: a private registry with token authorization in one process
//   - minimal: the smallest complete token server
//   - embed: a web service with users of its own that is also a token server, and a page for each kind
//     of credentials
//   - authorizer: a custom authorizer, with its policy test
//   - server: a complete server, with docker_auth's configuration file
//   - soak: a token server at full rate for as long as one likes, watched for wrong answers and leaks
//   - load: a cluster that asks a token server for tokens, and measures how fast it answers
//   - goals: what is promised about speed and reliability, measured
//   - faults: what clients see, and what the log says, when parts of a token server fail
//   - e2e: real registries and real clients
package examples
