package picture

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/target"
)

// Latency has the time by percentile. Each nine has as much room as the last.
func Latency(r *attack.Report) Panel {
	nines := func(percent float64) float64 { return -math.Log10(1 - percent/100) }
	panel := Panel{X: "percent of the answers", Y: "came within, in seconds", LogY: true}
	for _, percent := range []float64{0, 50, 90, 99, 99.9, 99.99, 99.999} {
		tick := plot.Tick{Value: nines(percent), Label: fmt.Sprint(percent)}
		panel.XTicks = append(panel.XTicks, tick)
	}
	for i := range r.Groups {
		line := Line{Name: r.Groups[i].Name}
		for _, p := range r.Groups[i].Percentiles {
			xy := plotter.XY{X: nines(p.Percent), Y: max(p.Within.Seconds(), 1e-6)}
			line.Points = append(line.Points, xy)
		}
		panel.Lines = append(panel.Lines, line)
	}
	return panel
}

// Rate has the answers in a second by time.
func Rate(r *attack.Report) Panel {
	panel := Panel{X: "seconds since the measuring began", Y: "answers per second", LogY: true}
	for i := range r.Groups {
		g := &r.Groups[i]
		line, step := Line{Name: g.Name}, g.Step.Seconds()
		for j, count := range g.Counts[:max(0, len(g.Counts)-1)] { // the last is not a whole step
			xy := plotter.XY{X: (float64(j) + 0.5) * step, Y: max(float64(count)/step, 1)}
			line.Points = append(line.Points, xy)
		}
		panel.Lines = append(panel.Lines, line)
	}
	return panel
}

// Usage has the memory of the server in one panel, and its goroutines and files in another.
func Usage(samples []target.Usage) []Panel {
	const x, mebi = "seconds since the server was started", 1 << 20
	lines := [4]Line{{Name: "resident"}, {Name: "next gc"}, {Name: "goroutines"}, {Name: "files"}}
	for _, u := range samples {
		for i, value := range []float64{u.Resident / mebi, u.NextGC / mebi, u.Goroutines, u.Files} {
			lines[i].Points = append(lines[i].Points, plotter.XY{X: u.At.Seconds(), Y: value})
		}
	}
	return []Panel{{X: x, Y: "MiB", Lines: lines[:2]}, {X: x, Y: "number", Lines: lines[2:]}}
}
