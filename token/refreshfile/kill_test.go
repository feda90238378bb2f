package refreshfile_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/token"
	"github.com/berthpass/registry-auth/token/refreshfile"
)

// The test binary runs itself as the process that is killed when this variable names the file.
const childVariable = "REFRESHFILE_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		runChild(path)
		return
	}
	os.Exit(m.Run())
}

// runChild issues, refreshes, rotates and revokes until it is killed, and prints each answer once it has it.
func runChild(path string) {
	store, err := refreshfile.Open(refreshfile.Config{Path: path})
	if err != nil {
		panic(err)
	}
	plain, rotating := tokensOver(store, false), tokensOver(store, true)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				grant := token.RefreshGrant{Subject: fmt.Sprintf("%d-%d-%d", os.Getpid(), worker, i), Service: service}
				text, record, err := plain.Issue(context.Background(), grant)
				say(err, "issued", string(text), record.ID)
				for range 2 {
					_, err = plain.Redeem(context.Background(), text, service)
					say(err, "redeemed", string(text))
				}
				switch i % 8 {
				case 3:
					say(nil, "revoking", string(text))
					_, err = plain.Revoke(context.Background(), token.RefreshFilter{ID: record.ID})
					say(err, "revoked", string(text))
				case 7:
					say(nil, "rotating", string(text))
					next, err := rotating.Renew(context.Background(), text, service)
					say(err, "rotated", string(text), string(next))
				}
			}
		})
	}
	wg.Wait()
}

func say(err error, words ...string) {
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.Join(words, " ")) // one write(2) for each line
}

func tokensOver(store token.RefreshStore, rotate bool) *token.RefreshTokens {
	tokens, err := token.NewRefreshTokens(token.RefreshConfig{Store: store, Key: key, Rotate: rotate})
	if err != nil {
		panic(err)
	}
	return tokens
}

// A process is killed in the middle of ten thousand issues and refreshes, ten times: whatever it had answered holds afterwards.
// The environment variable REFRESHFILE_KILLS sets another number of times.
func TestKill(t *testing.T) {
	rounds := 10
	if text := os.Getenv("REFRESHFILE_KILLS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	path := newPath(t)
	seen := answers{}
	for range rounds {
		seen.add(t, killed(t, path, 200+rand.IntN(1800)))
		begin := time.Now()
		store := openStore(t, path)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("opening took %v", took)
		}
		seen.check(t, newTokens(t, store, false))
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d answers about %d tokens", seen.lines, len(seen.state))
}

// killed runs the child, kills it after some answers, and returns all that it gave.
func killed(t *testing.T, path string, after int) (lines []string) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+path)
	child.Stderr = os.Stderr
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(output)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
		if len(lines) == after {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || len(lines) < after {
		t.Fatalf("the child ended by itself after %d answers: %v", len(lines), err)
	}
	return lines
}

// answers is what became of each token, as the child said it.
type answers struct {
	lines int
	state map[string]string // "issued", "revoking", "revoked", "rotating" or "rotated"
}

func (a *answers) add(t *testing.T, lines []string) {
	t.Helper()
	if a.state == nil {
		a.state = map[string]string{}
	}
	a.lines += len(lines)
	for _, line := range lines {
		words := strings.Fields(line)
		switch words[0] {
		case "redeemed":
		case "rotated":
			a.state[words[1]] = "rotated"
			a.state[words[2]] = "issued"
		case "issued", "revoking", "revoked", "rotating":
			a.state[words[1]] = words[0]
		default:
			t.Fatalf("unexpected answer %q", line)
		}
	}
}

func (a *answers) check(t *testing.T, tokens *token.RefreshTokens) {
	t.Helper()
	for text, state := range a.state {
		err := redeem(t, tokens, token.Secret(text))
		switch {
		case state == "issued" && err != nil:
			t.Fatalf("a token was issued and is lost: %v", err)
		case state == "revoked" && !errors.Is(err, token.ErrRefreshInvalid):
			t.Fatalf("a token was revoked and works: %v", err)
		case strings.HasPrefix(state, "rotat") && err != nil:
			t.Fatalf("within the time of grace a replaced token does not work: %v", err)
		}
		if strings.HasPrefix(state, "rotat") {
			delete(a.state, text) // its grace may be over in a later round
		}
	}
}
