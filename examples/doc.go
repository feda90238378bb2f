// Package examples holds programs built from the public packages, and the end-to-end tests:
//
//   - quickstart: a private registry with token authorization in one process
//   - minimal: the smallest complete token server
//   - embed: a web service with users of its own that is also a token server, and a page for each kind
//     of credentials
//   - authorizer: a custom authorizer, with its policy test
//   - server: a complete server, with docker_auth's configuration file
//   - lab: runs the server as a process, and looks how fast it answers, whether an answer is wrong or
//     anything grows, and whether the promises about speed and reliability are kept
//   - lab/faults: what clients see, and what the log says, when parts of a token server fail
//   - lab/e2e: real registries and real clients
package examples
