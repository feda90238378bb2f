package picture

import (
	"fmt"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/berthpass/registry-auth/examples/lab/internal/attack"
	"github.com/berthpass/registry-auth/examples/lab/internal/target"
)

// Latency has the time by percentile. Each nine has as much room as the last.
func Latency(title string, r *attack.Report) Panel {
	nines := func(percent float64) float64 { return -math.Log10(1 - percent/100) }
	panel := Panel{
		Title: title, X: "percent of the answers", Y: "came within",
		LogY: true, LogFloor: 1e-6, YLabel: seconds,
	}
	for _, percent := range []float64{0, 50, 90, 99, 99.9, 99.99, 99.999} {
		tick := plot.Tick{Value: nines(percent), Label: fmt.Sprint(percent)}
		panel.XTicks = append(panel.XTicks, tick)
	}
	for i := range r.Groups {
		line := Line{Name: r.Groups[i].Name}
		for _, point := range r.Groups[i].Percentiles {
			if point.Percent == 0 {
				continue // the fastest answer says nothing, and would take half of the room
			}
			xy := plotter.XY{X: nines(point.Percent), Y: point.Within.Seconds()}
			line.Points = append(line.Points, xy)
		}
		panel.Lines = append(panel.Lines, line)
	}
	return panel
}

// Rate has the answers in a second by time. It is logarithmic because some groups ask a thousand
// times as often as others.
func Rate(r *attack.Report) Panel {
	panel := Panel{
		X: "seconds since the measuring began", Y: "answers per second",
		LogY: true, LogFloor: 1, YLabel: func(v float64) string { return fmt.Sprintf("%.0f", v) },
	}
	for i := range r.Groups {
		g := &r.Groups[i]
		line := Line{Name: g.Name}
		for j, count := range g.Counts[:max(0, len(g.Counts)-1)] { // the last step is not a whole one
			line.Points = append(line.Points, plotter.XY{
				X: (float64(j) + 0.5) * g.Step.Seconds(), Y: float64(count) / g.Step.Seconds(),
			})
		}
		panel.Lines = append(panel.Lines, line)
	}
	return panel
}

// Usage has the memory of the server in one panel, and its goroutines and files in another.
func Usage(samples []target.Usage) []Panel {
	const x = "seconds since the server was started"
	line := func(name string, value func(*target.Usage) float64) Line {
		l := Line{Name: name}
		for i := range samples {
			xy := plotter.XY{X: samples[i].At.Seconds(), Y: value(&samples[i])}
			l.Points = append(l.Points, xy)
		}
		return l
	}
	return []Panel{
		{X: x, Y: "MiB", Lines: []Line{
			line("resident", func(u *target.Usage) float64 { return u.Resident / (1 << 20) }),
			line("live heap and its garbage", func(u *target.Usage) float64 { return u.Live / (1 << 20) }),
		}},
		{X: x, Y: "number", Lines: []Line{
			line("goroutines", func(u *target.Usage) float64 { return u.Goroutines }),
			line("files", func(u *target.Usage) float64 { return u.Files }),
		}},
	}
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Microsecond).String()
}
