package e2e

import (
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// TestClients takes every client to every registry. The steps of a journey follow each other and
// use what earlier ones left.
func TestClients(t *testing.T) {
	for _, kind := range registryKinds() {
		t.Run(kind.name, func(t *testing.T) {
			tokens := startTokenServer(t)
			registry := kind.start(t, tokens)
			hello := newImage(t)
			put(t, registry.ref(helloRepository, ":1"), hello)

			for _, kind := range clientKinds() {
				t.Run(kind.name, func(t *testing.T) {
					j := &journey{
						tokens:   tokens,
						registry: registry,
						client:   kind.make(t, registry.host),
						home:     "alice/" + kind.name,
						hello:    hello,
						image:    newImage(t),
					}
					for _, step := range steps() {
						if step.can(j.client) {
							t.Run(step.name, func(t *testing.T) { step.do(t, j) })
						}
					}
				})
			}
		})
	}
}

// A journey is one client at one registry.
type journey struct {
	tokens   *tokenServer
	registry *registry
	client   *client
	home     string   // alice's repositories for this client are below it
	hello    v1.Image // is at helloRepository
	image    v1.Image // is pushed
}

func (j *journey) app() string { return j.home + "/app" }

type step struct {
	name string
	can  func(c *client) bool // whether it is something that the client has
	do   func(t *testing.T, j *journey)
}

func steps() []step {
	canLogin := func(c *client) bool { return c.login != nil }
	canPush := func(c *client) bool { return c.push != nil }
	canPull := func(c *client) bool { return c.pull != nil }
	canCopy := func(c *client) bool { return c.copy != nil }
	canList := func(c *client) bool { return c.catalog != nil }
	canRemove := func(c *client) bool { return c.remove != nil }
	return []step{
		{"login", canLogin, login},
		{"login with a wrong password is refused", canLogin, loginWrong},
		{"push to the own namespace", canPush, pushOwn},
		{"pull from the own namespace", canPull, pullOwn},
		{"pull by somebody else is refused", canPull, pullByOther},
		{"push by somebody else is refused", canPush, pushByOther},
		{"anonymous pull of what is public", canPull, pullPublic},
		{"anonymous pull of what is private is refused", canPull, pullPrivate},
		{"anonymous push is refused", canPush, pushAnonymous},
		{"copy mounts the layers", canCopy, copyMounts},
		{"catalog for who may have it", canList, catalog},
		{"catalog for others is refused", canList, catalogRefused},
		{"delete by somebody else is refused", canRemove, removeByOther},
		{"delete in the own namespace", canRemove, removeOwn},
	}
}

// begin forgets what earlier steps left in the records.
func (j *journey) begin() {
	j.tokens.audit.take()
	j.registry.traffic.take()
}

func login(t *testing.T, j *journey) {
	j.begin()
	if err := j.client.login(t, alice); err != nil {
		t.Fatal(err)
	}
	if records := j.tokens.audit.take(); records.answered(alice, http.StatusOK) == 0 {
		t.Errorf("the login did not reach the token server:%s", records)
	}
}

func loginWrong(t *testing.T, j *journey) {
	j.begin()
	err := j.client.login(t, user{alice.name, "rabbit"})
	wantReads(t, err, j.client.reads.login)
	records := j.tokens.audit.take()
	if records.answered(alice, http.StatusUnauthorized) == 0 || records.answered(alice, http.StatusOK) > 0 {
		t.Errorf("want nothing but 401, got:%s", records)
	}
}

func pushOwn(t *testing.T, j *journey) {
	j.begin()
	if err := j.client.push(t, alice, j.image, j.registry.ref(j.app(), ":1")); err != nil {
		t.Fatalf("%v%s", err, j.tokens.audit.take())
	}
	if records := j.tokens.audit.take(); !records.granted(alice, j.app(), "push") {
		t.Errorf("pushed without a grant:%s", records)
	}
	if digestAt(t, alice, j.registry.ref(j.app(), ":1")) == "" {
		t.Error("nothing has arrived")
	}
}

func pullOwn(t *testing.T, j *journey) {
	wantPulled(t, j, alice, j.app(), digestAt(t, alice, j.registry.ref(j.app(), ":1")))
}

func pullPublic(t *testing.T, j *journey) {
	wantPulled(t, j, nobody, helloRepository, digestOf(t, j.hello))
}

func wantPulled(t *testing.T, j *journey, u user, repository, want string) {
	t.Helper()
	j.begin()
	got, err := j.client.pull(t, u, j.registry.ref(repository, ":1"))
	records := j.tokens.audit.take()
	if err != nil {
		t.Fatalf("%v%s", err, records)
	}
	if strings.TrimSpace(got) != want {
		t.Errorf("pulled %s, want %s", got, want)
	}
	if !records.granted(u, repository, "pull") {
		t.Errorf("pulled without a grant:%s", records)
	}
}

func pullByOther(t *testing.T, j *journey) { wantPullRefused(t, j, bob) }
func pullPrivate(t *testing.T, j *journey) { wantPullRefused(t, j, nobody) }

func wantPullRefused(t *testing.T, j *journey, u user) {
	t.Helper()
	j.begin()
	_, err := j.client.pull(t, u, j.registry.ref(j.app(), ":1"))
	wantReads(t, err, j.reads(j.client.reads.pull))
	if records := j.tokens.audit.take(); records.granted(u, j.app(), "pull") {
		t.Errorf("pull was granted:%s", records)
	}
}

func pushByOther(t *testing.T, j *journey) { wantPushRefused(t, j, bob, j.app(), j.client.reads.push) }

func pushAnonymous(t *testing.T, j *journey) {
	wantPushRefused(t, j, nobody, helloRepository, j.client.reads.anonymousPush)
}

func wantPushRefused(t *testing.T, j *journey, u user, repository, reads string) {
	t.Helper()
	j.begin()
	ref := j.registry.ref(repository, ":refused")
	wantReads(t, j.client.push(t, u, newImage(t), ref), j.reads(reads))
	records := j.tokens.audit.take()
	if records.granted(u, repository, "push") {
		t.Errorf("push was granted:%s", records)
	}
	if len(records) == 0 {
		t.Error("the client gave up without asking for a token")
	}
	if digestAt(t, alice, ref) != "" {
		t.Error("the refused push has arrived")
	}
}

func copyMounts(t *testing.T, j *journey) {
	j.begin()
	to := j.home + "/copy"
	if err := j.client.copy(t, alice, j.registry.ref(j.app(), ":1"), j.registry.ref(to, ":1")); err != nil {
		t.Fatalf("%v%s", err, j.tokens.audit.take())
	}
	traffic, records := j.registry.traffic.take(), j.tokens.audit.take()
	if !j.registry.shares && traffic.mounted(to, j.app()) == 0 {
		t.Errorf("no layer was mounted:%s", traffic)
	}
	if !records.granted(alice, to, "push") {
		t.Errorf("copied without a grant:%s", records)
	}
	if !j.registry.shares && !records.granted(alice, j.app(), "pull") {
		t.Errorf("mounted without both grants:%s", records)
	}
	if digestAt(t, alice, j.registry.ref(to, ":1")) == "" {
		t.Error("nothing has arrived")
	}
}

func catalog(t *testing.T, j *journey) {
	j.begin()
	list, err := j.client.catalog(t, carol)
	records := j.tokens.audit.take()
	if err != nil {
		t.Fatalf("%v%s", err, records)
	}
	if !strings.Contains(list, helloRepository) {
		t.Errorf("%s is not in the list:\n%s", helloRepository, list)
	}
	if !records.granted(carol, "catalog", "*") {
		t.Errorf("listed without a grant:%s", records)
	}
}

func catalogRefused(t *testing.T, j *journey) {
	j.begin()
	list, err := j.client.catalog(t, alice)
	wantReads(t, err, j.reads(j.client.reads.catalog))
	if strings.Contains(list, helloRepository) {
		t.Errorf("listed nevertheless:\n%s", list)
	}
	if records := j.tokens.audit.take(); records.granted(alice, "catalog", "*") {
		t.Errorf("the catalog was granted:%s", records)
	}
}

func removeByOther(t *testing.T, j *journey) {
	j.begin()
	digest := digestAt(t, alice, j.registry.ref(j.app(), ":1"))
	if err := j.client.remove(t, bob, j.registry.ref(j.app(), "@"+digest)); err == nil {
		t.Error("the client reports success")
	}
	if records := j.tokens.audit.take(); records.granted(bob, j.app(), "delete") {
		t.Errorf("delete was granted:%s", records)
	}
	if digestAt(t, alice, j.registry.ref(j.app(), ":1")) != digest {
		t.Error("the image is gone")
	}
}

func removeOwn(t *testing.T, j *journey) {
	j.begin()
	ref := j.registry.ref(j.app(), "@"+digestAt(t, alice, j.registry.ref(j.app(), ":1")))
	if err := j.client.remove(t, alice, ref); err != nil {
		t.Fatalf("%v%s", err, j.tokens.audit.take())
	}
	if records := j.tokens.audit.take(); !records.granted(alice, j.app(), "delete") {
		t.Errorf("deleted without a grant:%s", records)
	}
	if digestAt(t, alice, ref) != "" {
		t.Error("the image is still there")
	}
}

// reads puts the registry's own words in the place of distribution's.
func (j *journey) reads(words string) string {
	return strings.Replace(words, distributionDenied, j.registry.denied, 1)
}

// wantReads fails unless the client failed and said so in these words.
func wantReads(t *testing.T, err error, words string) {
	t.Helper()
	switch {
	case err == nil:
		t.Error("the client reports success")
	case !strings.Contains(err.Error(), words):
		t.Errorf("a person reads\n%v\nwant it to say %q", err, words)
	}
}
