package serve

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/berthpass/registry-auth/authn"
	"github.com/berthpass/registry-auth/authn/password"
	"github.com/berthpass/registry-auth/authz"
	"github.com/berthpass/registry-auth/authz/authztest"
	"github.com/berthpass/registry-auth/examples/server/internal/section"
	"github.com/berthpass/registry-auth/scope"
	"github.com/berthpass/registry-auth/token"
)

// load reads a configuration, in which @AUTHDIR@ is a folder with a key and @HASH_…@ the hash of
// a password.
func load(t *testing.T, text string) *Assembly {
	t.Helper()
	folder := t.TempDir()
	key, err := token.GenerateKey(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	private, err := key.PrivateKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	hashes := make(map[string]string)
	for _, secret := range []authn.Secret{"adminpass", "userpass"} {
		hash, err := password.NewHash(secret)
		if err != nil {
			t.Fatal(err)
		}
		hashes[string(secret)] = string(hash)
	}
	text = strings.NewReplacer("@AUTHDIR@", folder, "@PORT_AUTH@", "5001",
		"@HASH_ADMIN@", hashes["adminpass"], "@HASH_FIRSTUSER@", hashes["userpass"]).Replace(text)
	for name, content := range map[string]string{
		"my.key": string(private), "my.crt": string(key.CertificatePEM()), "config.yml": text,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := Load(filepath.Join(folder, "config.yml"), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestTutorial: the configuration is read as it is, and grants what its comments say.
func TestTutorial(t *testing.T) {
	text, err := os.ReadFile("testdata/tutorial.yml")
	if err != nil {
		t.Fatal(err)
	}
	cfg := load(t, string(text))
	if cfg.Server.EndpointPaths()[0] != "/auth/auth" || !cfg.Users.AnonymousAllowed {
		t.Errorf("paths %v, anonymous %t", cfg.Server.EndpointPaths(), cfg.Users.AnonymousAllowed)
	}
	users := cfg.settings.Authenticator
	subjects := make(map[string]authn.Subject)
	for name, secret := range map[string]authn.Secret{"admin": "adminpass", "firstuser": "userpass"} {
		subject, err := users.Authenticate(t.Context(), authn.Request{Username: name, Password: secret})
		if err != nil {
			t.Fatal(err)
		}
		subjects[name] = subject
		wrong := authn.Request{Username: name, Password: "wrong"}
		if _, err := users.Authenticate(t.Context(), wrong); !errors.Is(err, authn.ErrRejected) {
			t.Errorf("%s with a wrong password: %v", name, err)
		}
	}
	const all = "pull,push,delete"
	authztest.Run(t, cfg.Policy.Authorizer, []authztest.Case{
		authztest.As(authn.Subject{}, authztest.Grants{
			"repository:publicrepos/app:" + all:                "pull",
			"repository:firstuser/app:pull":                    "",
			"repository:first_user_group-shared/app:pull":      "",
			"repository:other:pull":                            "",
			"registry:catalog:*":                               "",
			"repository:publicrepos/folder/app:" + all:         "",
			"repository:publicreposx/app:pull,push":            "",
			"repository:firstuser/publicrepos/app:pull,push":   "",
			"repository:first_user_group-shared/a/b:" + "pull": "",
		}),
		authztest.As(subjects["admin"], authztest.Grants{
			"repository:other:" + all:           all,
			"repository:publicrepos/app:" + all: "pull,push,delete",
			"registry:catalog:*":                "*",
		}),
		authztest.As(subjects["firstuser"], authztest.Grants{
			"repository:publicrepos/app:" + all:             "pull,push",
			"repository:first_user_group-shared/app:" + all: "pull,push",
			"repository:firstuser/app:" + all:               all,
			"repository:admin/app:" + all:                   "",
			"repository:other-shared/app:pull":              "",
			"registry:catalog:*":                            "",
		}),
	}, forService("registry.test"))
}

const rules = `server: {addr: ":5001"}
token:
  issuer: i
  expiration: 60
  certificate: "@AUTHDIR@/my.crt"
  key: "@AUTHDIR@/my.key"
  shared_key: true
  services:
    common.test: {}
    own.test:
      acl:
        - {match: {name: "own/*"}, actions: [pull], comment: "of its own"}
users:
  "": {labels: {zone: [dmz]}}
ext_authz: {command: "sh", args: ["-c", "exit 1"]}
acl:
  - {match: {name: "common/*", labels: {zone: dmz}}, actions: [pull]}
  - {match: {account: alice}, actions: ["*"]}
  - {match: {ip: 192.0.2.0/24, name: "net/*"}, actions: [pull]}
tests:
  - {service: common.test, scope: "repository:common/a:pull,push", granted: pull}
  - {service: own.test, scope: "repository:common/a:pull", granted: ""}
`

// TestServicesHaveTheirRules: the common ones are not asked where there are own ones.
func TestServicesHaveTheirRules(t *testing.T) {
	decides := load(t, rules).Policy.Authorizer
	for name, test := range map[string]struct{ service, asked, granted string }{
		"a common rule":                   {"common.test", "repository:common/a:pull", "pull"},
		"a common rule, the other's name": {"own.test", "repository:common/a:pull", ""},
		"an own rule":                     {"own.test", "repository:own/a:pull,push", "pull"},
		"an own rule, the other's name":   {"common.test", "repository:own/a:pull", ""},
	} {
		t.Run(name, func(t *testing.T) {
			authztest.Run(t, decides, []authztest.Case{
				authztest.As(authn.Subject{}, authztest.Grants{test.asked: test.granted}),
			}, forService(test.service))
		})
	}
}

// TestExtAuthzComesAfterTheRules: it is asked when they have nothing to say, and only then.
func TestExtAuthzComesAfterTheRules(t *testing.T) {
	asks := func(script string) authz.Authorizer {
		return load(t, strings.Replace(rules, "exit 1", script, 1)).Policy.Authorizer
	}
	for name, test := range map[string]struct {
		policy  authz.Authorizer
		granted string
	}{
		"a program that grants":  {asks("exit 0"), "pull,push"},
		"a program that refuses": {asks("exit 1"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			authztest.Run(
				t,
				test.policy,
				[]authztest.Case{authztest.As(authn.Subject{Name: "bob"}, authztest.Grants{
					"repository:other/a:pull,push": test.granted,
				}), authztest.As(authn.Subject{}, authztest.Grants{
					"repository:common/a:pull,push": "pull",
				})},
				forService("common.test"),
			)
		})
	}
	_, err := asks(
		"exit 9",
	).Authorize(t.Context(), authz.Request{Scope: scope.Scope{
		Type: "repository", Name: "x",
		Actions: []string{"pull"},
	}})
	if err == nil {
		t.Error("a program that is broken is a decision")
	}
}

// TestAnonymousLabels are those of nobody else, not even of a user without any; and each request of
// several has its own.
func TestAnonymousLabels(t *testing.T) {
	decides := load(t, rules).Policy.Authorizer
	requests := make([]authz.Request, 3)
	lan := authn.Subject{Labels: map[string][]string{"zone": {"lan"}}}
	for i, who := range []authn.Subject{{Name: "bob"}, {}, lan} {
		requests[i] = authz.Request{
			Subject: who,
			Service: "common.test",
			Scope:   scope.Scope{Type: "repository", Name: "common/a", Actions: []string{"pull"}},
		}
	}
	want := []int{0, 1, 0}
	together, err := authz.AuthorizeBatch(t.Context(), decides, requests)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range requests {
		alone, err := decides.Authorize(t.Context(), r)
		if err != nil || len(alone.Actions) != want[i] || len(together[i].Actions) != want[i] {
			t.Errorf(
				"%+v is granted %v alone and %v with others, %v",
				r.Subject,
				alone.Actions,
				together[i].Actions,
				err,
			)
		}
	}
}

// TestExtAuthComesAfterTheUsers: a known user is never the program's.
func TestExtAuthComesAfterTheUsers(t *testing.T) {
	cfg := load(
		t,
		strings.Replace(rules, "users:\n", "users:\n  admin: {password: \"@HASH_ADMIN@\"}\n", 1)+
			`ext_auth: {command: "sh", args: ["-c", "echo '{\"labels\": {\"from\": [\"program\"]}}'"]}`+"\n",
	)
	users := cfg.settings.Authenticator
	wrong := authn.Request{Username: "admin", Password: "wrong"}
	if _, err := users.Authenticate(t.Context(), wrong); !errors.Is(err, authn.ErrRejected) {
		t.Errorf("a known user with a wrong password: %v", err)
	}
	got, err := users.Authenticate(t.Context(), authn.Request{Username: "carol", Password: "any"})
	if err != nil || got.Name != "carol" || !slices.Equal(got.Labels["from"], []string{"program"}) {
		t.Errorf("the program's user is %+v, %v", got, err)
	}
}

// TestProgramsDoNotSeeSecrets in the environment.
func TestProgramsDoNotSeeSecrets(t *testing.T) {
	t.Setenv("POLICY_TEST_SECRET", "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy")
	t.Setenv("POLICY_TEST_OTHER", "x")
	cfg := load(
		t,
		strings.Replace(rules, "users:\n", "users:\n  admin: {password_env: POLICY_TEST_SECRET}\n", 1)+
			`ext_auth: {command: "sh", args: ["-c", "[ -z \"$POLICY_TEST_SECRET\" ] && [ -n `+
			`\"$POLICY_TEST_OTHER\" ]"]}`+"\n",
	)
	users := cfg.settings.Authenticator
	carol := authn.Request{Username: "carol", Password: "any"}
	if _, err := users.Authenticate(t.Context(), carol); err != nil {
		t.Errorf("the program sees the secret, or nothing: %v", err)
	}
}

func TestCases(t *testing.T) {
	cfg := load(t, rules)
	report, err := section.RunCases(t.Context(), cfg.Policy, cfg.Tests.Cases)
	if err != nil || len(report.Requests) != 2 || len(report.Failures) > 0 {
		t.Errorf("report is %+v, %v", report, err)
	}
	unreached := strings.Join(cfg.Rules.Unreached(report.Requests), "\n")
	wrong := cfg.Tests.Cases[0]
	wrong.Granted = []string{"push"}
	report, err = section.RunCases(t.Context(), cfg.Policy, []section.Case{wrong})
	const want = `config.yml:21: anonymous asks repository:common/a:pull,push: ` +
		`granted "pull", expected "push" (rule 1`
	if err != nil || len(report.Failures) != 1 ||
		!strings.Contains(report.Failures[0].Error(), want) {
		t.Errorf("report is %+v, %v", report, err)
	}
	for _, want := range []string{"config.yml:18: no case reaches rule 2", "config.yml:19: no case " +
		"reaches rule 3", `config.yml:12: no case reaches rule 1 of the service "own.test"`} {
		if !strings.Contains(unreached, want) {
			t.Errorf("%q is not in\n%s", want, unreached)
		}
	}
	if strings.Contains(unreached, "config.yml:17") {
		t.Errorf("a rule that was reached is in\n%s", unreached)
	}
}

func TestExplain(t *testing.T) {
	cfg := load(t, rules)
	asked, err := scope.Parse("repository:net/a:pull")
	if err != nil {
		t.Fatal(err)
	}
	r := authz.Request{
		Subject:    authn.Subject{Name: "bob"},
		Service:    "common.test",
		Scope:      asked,
		RemoteAddr: netip.MustParseAddr("192.0.2.9"),
	}
	text, err := cfg.Explain(t.Context(), r)
	if err != nil || !strings.Contains(text, `granted "pull"`) ||
		!strings.Contains(text, "config.yml:19") {
		t.Errorf("explained as\n%s%v", text, err)
	}
	r.RemoteAddr = netip.MustParseAddr("198.51.100.1")
	text, err = cfg.Explain(t.Context(), r)
	if err != nil || !strings.Contains(text, "not in 192.0.2.0/24") ||
		!strings.Contains(text, "then the program is asked") {
		t.Errorf("explained as\n%s%v", text, err)
	}
}

// forService makes the requests of a table requests for a service.
func forService(service string) func(*authz.Request) {
	return func(r *authz.Request) { r.Service = service }
}
