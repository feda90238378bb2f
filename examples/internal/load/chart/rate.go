package chart

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

const (
	mostPoints = 60
	fewAnswers = 10  // a point is about no fewer on average, or the line would only go up and down
	leastRate  = 1.0 // what is less, and none, is drawn as this
)

// ratePlot has the answers by second. Its axis is logarithmic, since some groups ask a thousand times as often as others.
func ratePlot(r *load.Report) (*plot.Plot, error) {
	p := newPlot("seconds since the measuring began", "answers per second")
	most, latest := 10*leastRate, 0.0
	for i := range r.Groups {
		points := rates(r.Groups[i].Timeline)
		for _, point := range points {
			most, latest = max(most, point.Y), max(latest, point.X)
		}
		if len(points) == 0 {
			continue
		}
		line, err := newLine(i, points)
		if err != nil {
			return nil, err
		}
		p.Add(line) // the legend of the plot above is about both
	}
	p.X.Min, p.X.Max = 0, max(latest, 0.1)
	p.Y.Min, p.Y.Max = leastRate, powerOfTen(math.Ceil, most)
	p.Y.Scale = plot.LogScale{}
	p.Y.Tick.Marker = logTicks(p.Y.Min, p.Y.Max, func(v float64) string {
		if v <= leastRate {
			return "≤ 1"
		}
		return fmt.Sprintf("%.0f", v)
	})
	return p, nil
}

// rates has few enough points to see something. The last step is left out if there are others, since it is hardly ever a whole one.
func rates(t load.Timeline) plotter.XYs {
	counts := t.Counts
	if len(counts) > 1 {
		counts = counts[:len(counts)-1]
	}
	sum := func(counts []uint64) (n float64) {
		for _, c := range counts {
			n += float64(c)
		}
		return n
	}
	wanted := max(1, min(mostPoints, int(sum(counts)/fewAnswers)))
	each := (len(counts) + wanted - 1) / wanted
	var points plotter.XYs
	for i := 0; i+each <= len(counts) && each > 0; i += each {
		length := float64(each) * t.Step.Seconds()
		points = append(points, plotter.XY{X: (float64(i) + float64(each)/2) * t.Step.Seconds(), Y: max(sum(counts[i:i+each])/length, leastRate)})
	}
	return points
}
