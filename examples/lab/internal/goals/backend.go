package goals

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/clients"
	"github.com/berthpass/registry-auth/examples/lab/internal/target"
)

// script is a source of users: a program of ext_auth that does what the file "mode" says. It notes
// that it is asked and, before it waits, how many wait at that moment.
const script = `#!/bin/sh
echo >> asked
read -r mode < mode
case $mode in
refuses) echo "dial tcp 192.0.2.1:389: connection refused" >&2; exit 3;;
"is reset") kill -9 $$;;
hangs) exec sleep 600;;
"answers garbage") head -c 2000 /dev/urandom;;
"answers with a gigabyte") exec head -c 1000000000 /dev/zero;;
"is slow")
	echo $$ >> started
	alive=0
	for pid in $(cat started); do
		if kill -0 $pid 2> /dev/null; then alive=$((alive + 1)); fi
	done
	echo $alive >> waiting
	exec sleep 10;;
esac
`

// A backend is a server with that source.
type backend struct {
	*target.Server

	next int // part of names that nobody has had yet
}

const programsAtOnce = 16

func (b *bench) withBackend(
	ctx context.Context, timeout time.Duration, measure func(*backend) ([]check, error),
) ([]check, error) {
	sections := fmt.Sprintf("ext_auth: {command: ./program.sh, timeout: %v, max_running: %d}",
		timeout, programsAtOnce)
	files := map[string]string{"program.sh": script, "mode": "answers\n"}
	config := target.Config{Users: listedUsers(), Sections: sections, Files: files}
	return b.with(ctx, config, func(s *target.Server) ([]check, error) {
		return measure(&backend{Server: s})
	})
}

// listedUsers are in the configuration, and need no other source.
func listedUsers() []clients.User { return clients.Users("listed", 4) }

// set changes what the source does.
func (s *backend) set(mode string) error {
	path := filepath.Join(s.Folder, "mode")
	return errors.Join(
		os.WriteFile(filepath.Join(s.Folder, "asked"), nil, 0o600),
		os.WriteFile(path+".new", []byte(mode+"\n"), 0o600),
		os.Rename(path+".new", path),
	)
}

// asked is how often the source was asked since it was changed.
func (s *backend) asked() (int, error) {
	text, err := os.ReadFile(filepath.Join(s.Folder, "asked"))
	return strings.Count(string(text), "\n"), err
}

// mostWaiting is how many programs were slow at the same time.
func (s *backend) mostWaiting() (most int, err error) {
	text, err := os.ReadFile(filepath.Join(s.Folder, "waiting"))
	for count := range strings.FieldsSeq(string(text)) {
		n, malformed := strconv.Atoi(count)
		most, err = max(most, n), errors.Join(err, malformed)
	}
	return most, err
}

// newcomers log in for the first time, once each.
func (s *backend) newcomers(count, atOnce int) attack.Group {
	c := pulls(atOnce)
	c.Name, c.Users = "newcomers", clients.Users(fmt.Sprintf("person%d-", s.next), count)
	s.next++
	return s.FirstLogins(c)
}

// recover repairs the source and returns how long it took until somebody new could log in. There is
// a try every tenth of a second because a refusal is delayed for longer than that.
func (s *backend) recover(ctx context.Context) (after time.Duration, err error) {
	const most, tries = 30 * time.Second, 10 // in a second
	if err := s.set("answers"); err != nil {
		return 0, err
	}
	trying, stop := context.WithCancel(ctx)
	defer stop()
	begun, group := time.Now(), s.newcomers(tries*int(most.Seconds()), 4*tries)
	group.Rate = tries
	group.Judge = func(_ int, answer attack.Answer) error {
		if answer.Status == http.StatusOK && after == 0 {
			after = time.Since(begun)
			stop()
		}
		return nil
	}
	attack.Run(trying, attack.Plan{Duration: most, Groups: []attack.Group{group}})
	if after == 0 {
		err = fmt.Errorf("nobody can log in %v after the source was repaired", most)
	}
	return after, errors.Join(err, ctx.Err())
}
