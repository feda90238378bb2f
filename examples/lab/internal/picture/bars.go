package picture

import (
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// A Bar is a figure with a name.
type Bar struct {
	Name  string
	Value float64
}

// mostValue is where longer bars end.
const mostValue = 3

// DrawBars writes one picture with a bar for each figure, and a line at 1, the bound of all.
func DrawBars(w io.Writer, name, title string, bars []Bar) error {
	p := newPlot(title, "", "")
	values, names := make(plotter.Values, len(bars)), make([]string, len(bars))
	for i, bar := range bars { // from the top to the bottom
		values[len(bars)-1-i] = min(bar.Value, mostValue)
		names[len(bars)-1-i] = bar.Name
	}
	chart, err := plotter.NewBarChart(values, vg.Points(9))
	if err != nil {
		return err
	}
	chart.Horizontal = true
	bound, err := newLine(1, plotter.XYs{{X: 1, Y: -0.5}, {X: 1, Y: float64(len(bars)) - 0.5}})
	if err != nil {
		return err
	}
	p.Add(chart, bound)
	p.NominalY(names...)
	p.X.Min, p.X.Max = 0, mostValue
	height := vg.Length(len(bars)+4) * vg.Points(16)
	return drawPlots(w, name, height, [][]*plot.Plot{{p}})
}
