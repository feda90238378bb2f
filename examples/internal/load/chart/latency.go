package chart

import (
	"fmt"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

// latencyPlot has the time by percentile. Both axes are logarithmic; that of the percentiles has as much room for each nine.
func latencyPlot(r *load.Report) (*plot.Plot, error) {
	p := newPlot("percent of the answers", "came within")
	p.Legend.XOffs, p.Legend.YOffs = -p.Legend.TextStyle.Font.Size, p.Legend.TextStyle.Font.Size // lines rise to the right: there is room below
	most, least, longest := 1.0, math.Inf(1), math.Inf(-1)
	for i := range r.Groups {
		var points plotter.XYs
		for _, point := range r.Groups[i].Latency.Points {
			if point.Percent == 0 {
				continue // the one fastest answer tells nothing, and would take half of the room
			}
			xy := plotter.XY{X: nines(point.Percent), Y: max(seconds(point.Within), seconds(time.Microsecond))}
			points = append(points, xy)
			most, least, longest = max(most, xy.X), min(least, xy.Y), max(longest, xy.Y)
		}
		if len(points) == 0 {
			continue
		}
		line, err := newLine(i, points)
		if err != nil {
			return nil, err
		}
		p.Add(line)
		p.Legend.Add(r.Groups[i].Name, line)
	}
	if math.IsInf(least, 0) {
		least, longest = seconds(time.Millisecond), seconds(time.Second)
	}
	p.X.Min, p.X.Max = 0, most
	p.X.Tick.Marker = percentTicks(most)
	p.Y.Min, p.Y.Max = powerOfTen(math.Floor, least), powerOfTen(math.Ceil, longest)
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = logTicks(p.Y.Min, p.Y.Max, duration)
	return p, nil
}

// nines is 1 for 90 percent, 2 for 99 and so on.
func nines(percent float64) float64 { return -math.Log10(1 - percent/100) }

func seconds(d time.Duration) float64 { return d.Seconds() }

func percentTicks(most float64) plot.ConstantTicks {
	ticks := []plot.Tick{{Value: 0, Label: "0"}, {Value: nines(50), Label: "50"}}
	for n, label := 1.0, "90"; n <= most; n++ {
		ticks = append(ticks, plot.Tick{Value: n, Label: label})
		switch label {
		case "90":
			label = "99"
		case "99":
			label = "99.9"
		default:
			label += "9"
		}
	}
	return ticks
}

// powerOfTen rounds to one.
func powerOfTen(round func(float64) float64, v float64) float64 {
	return math.Pow10(int(round(math.Log10(v))))
}

// logTicks has a label at each power of ten, and lines without one between them.
func logTicks(from, to float64, label func(float64) string) plot.ConstantTicks {
	var ticks []plot.Tick
	for power := from; power <= to*1.001; power *= 10 {
		ticks = append(ticks, plot.Tick{Value: power, Label: label(power)})
		for i := 2.0; i < 10 && power*i < to; i++ {
			ticks = append(ticks, plot.Tick{Value: power * i})
		}
	}
	return ticks
}

func duration(s float64) string {
	switch {
	case s < 0.9e-3:
		return fmt.Sprintf("%.0f µs", s*1e6)
	case s < 0.9:
		return fmt.Sprintf("%.0f ms", s*1e3)
	}
	return fmt.Sprintf("%.0f s", s)
}
