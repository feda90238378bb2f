package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/load"
	"github.com/berthpass/registry-auth/examples/internal/load/chart"
)

// tell prints the result and draws the chart. It is an error if the server was wrong.
func (p *program) tell(o *options, r *load.Report) error {
	if err := p.print(o, r); err != nil {
		return err
	}
	if o.chart != "" {
		if err := draw(o, r); err != nil {
			return fmt.Errorf("chart: %w", err)
		}
	}
	switch {
	case r.Unexpected() > 0:
		return fmt.Errorf("%d answers are not as they should be", r.Unexpected())
	case r.Answered() == 0:
		return errors.New("there was no answer")
	}
	return nil
}

func (p *program) print(o *options, r *load.Report) error {
	if o.json {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	server := r.Target
	if o.url == "" {
		server = "a server in this process"
	}
	if _, err := fmt.Fprintf(p.stdout, "%s; %s\n\n", o.title(), server); err != nil {
		return err
	}
	return r.WriteText(p.stdout)
}

func (o *options) title() string {
	loop := "closed loop"
	if o.rate > 0 {
		loop = fmt.Sprintf("%g requests/s", o.rate)
	}
	name := o.scenario.name
	if o.mixGiven {
		name = o.asks
	}
	return fmt.Sprintf("%s: %s, %s, %s", name, counted(o.nodes, "node"), counted(len(o.scopes), "scope"), loop)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// draw replaces the file.
func draw(o *options, r *load.Report) error {
	file, err := os.Create(o.chart) //nolint:gosec // the file that was asked for
	if err != nil {
		return err
	}
	title := fmt.Sprintf("%s; %d requests in %v", o.title(), r.Requests(), r.Elapsed.Round(time.Millisecond))
	return errors.Join(chart.Draw(file, o.chartFormat, title, r), file.Close())
}
