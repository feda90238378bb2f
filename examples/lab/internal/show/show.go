// Package show shows how far a run is and writes its result.
package show

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
)

// Progress writes a line about the counters of a run, and what else there is to say, until the
// function that it returns is called: in place on a terminal, and every five seconds elsewhere.
func Progress(w io.Writer, counters *attack.Counters, more func() string) (stop func()) {
	every, format := 5*time.Second, "%s\n"
	if file, ok := w.(*os.File); ok && isTerminal(file) {
		every, format = 200*time.Millisecond, "\r\x1b[K%s"
	}
	begun, done, ended := time.Now(), make(chan struct{}), make(chan struct{})
	line := func() string {
		elapsed, requests := time.Since(begun), counters.Requests.Load()
		return fmt.Sprintf("%5s  %d requests, %.0f/s, %d wrong, %d without an answer  %s",
			elapsed.Round(time.Second), requests, float64(requests)/elapsed.Seconds(),
			counters.Wrong.Load(), counters.Unanswered.Load(), more())
	}
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, _ = fmt.Fprintf(w, format, line())
			case <-done:
				_, _ = fmt.Fprintf(w, format+"\n", line())
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// An Output names the files for the result.
type Output struct{ Picture, json string }

// Flags adds the flags for the names.
func (o *Output) Flags(flags *flag.FlagSet) {
	flags.StringVar(&o.Picture, "picture", "", "draw into `FILE`, which ends with .svg or .png")
	flags.StringVar(&o.json, "json", "", "write the report as JSON into `FILE`")
}

// Check says whether the picture's name ends with a format that can be drawn.
func (o *Output) Check() error {
	if ext := filepath.Ext(o.Picture); o.Picture != "" && ext != ".svg" && ext != ".png" {
		return errors.New("the file of -picture ends with .svg or .png")
	}
	return nil
}

// Write writes the files that have names. A report is no secret.
func (o *Output) Write(report any, draw func(io.Writer) error) error {
	var text, picture bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(report)
	if o.json != "" {
		//nolint:gosec // see above
		err = errors.Join(err, os.WriteFile(o.json, text.Bytes(), 0o644))
	}
	if o.Picture != "" {
		//nolint:gosec // see above
		err = errors.Join(err, draw(&picture), os.WriteFile(o.Picture, picture.Bytes(), 0o644))
	}
	return err
}
