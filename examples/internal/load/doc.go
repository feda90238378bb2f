// Package load asks a token server for tokens, as a cluster of clients would, and measures how it answers:
//
//	report, err := load.Run(ctx, load.Config{
//		URL:      "http://localhost:5001/token",
//		Service:  "registry.example.com",
//		Duration: 10 * time.Second,
//		Groups: []load.Group{
//			{Name: "pulls", Kind: load.Anonymous, Clients: 64, Scopes: []string{"repository:public/app:pull"}},
//			{Name: "flood", Kind: load.Wrong, Clients: 256, Sources: []netip.Addr{netip.MustParseAddr("127.0.0.2")}},
//		},
//	})
//
// A [Group] is a number of clients that all do the same. Each keeps a connection of its own, and sends its next request when the
// last one is answered. That is a closed loop, and it hides waiting: while the server stalls nobody asks, so few requests are slow.
// A group with a Rate is an open loop instead: requests are due at fixed times, whether or not the last ones are answered, and
// their time runs from when they were due.
//
// The generator often shares its processors with the server, so it is to cost little. Of each answer it looks at the status and
// the length, and only some are decoded, or given to Verify: see DecodeEach and VerifyEach. Its memory does not grow with the
// number of requests.
//
// Load on somebody else's server is an attack. Run connects to loopback addresses only, unless RemoteAllowed is set.
package load
