// Package picture draws results as SVG or PNG.
package picture

import (
	"io"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	_ "gonum.org/v1/plot/vg/vgimg" // draws PNG
	_ "gonum.org/v1/plot/vg/vgsvg" // draws SVG
)

const (
	width       = 24 * vg.Centimeter
	panelHeight = 8 * vg.Centimeter
)

// A Panel has lines over the same axes. With LogY, all values have to be positive.
type Panel struct {
	X, Y   string
	Lines  []Line
	LogY   bool
	XTicks []plot.Tick // nil lets the library choose
}

// A Line has a name and its points.
type Line struct {
	Name   string
	Points plotter.XYs
}

// Draw writes panels below each other in the format that the name of the file says.
func Draw(w io.Writer, name string, panels ...Panel) error {
	plots := make([][]*plot.Plot, len(panels))
	for i := range panels {
		p, err := panels[i].plot()
		if err != nil {
			return err
		}
		plots[i] = []*plot.Plot{p}
	}
	return write(w, name, vg.Length(len(panels))*panelHeight, plots)
}

func (panel *Panel) plot() (*plot.Plot, error) {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = panel.X, panel.Y
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	drawn := false
	for i, line := range panel.Lines {
		if len(line.Points) == 0 {
			continue
		}
		l, err := plotter.NewLine(line.Points)
		if err != nil {
			return nil, err
		}
		l.Color, l.Dashes = plotutil.Color(i), plotutil.Dashes(i)
		p.Add(l)
		p.Legend.Add(line.Name, l)
		drawn = true
	}
	if panel.XTicks != nil {
		p.X.Tick.Marker = plot.ConstantTicks(panel.XTicks)
	}
	if panel.LogY && drawn {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	} else {
		p.Y.Min, p.Y.Max = 0, max(1, 1.3*p.Y.Max) // with room for the legend
	}
	return p, nil
}

// A Bar is a figure with a name.
type Bar struct {
	Name  string
	Value float64
}

// Bars draws a bar for each figure, and a line at 1, which is the bound of all.
func Bars(w io.Writer, name string, bars []Bar) error {
	const longest = 3
	p := plot.New()
	p.X.Label.Text = "part of the bound that is used"
	values, names := make(plotter.Values, len(bars)), make([]string, len(bars))
	for i, bar := range bars { // from the top to the bottom
		values[len(bars)-1-i], names[len(bars)-1-i] = min(bar.Value, longest), bar.Name
	}
	chart, err := plotter.NewBarChart(values, vg.Points(9))
	if err != nil {
		return err
	}
	bound, err := plotter.NewLine(plotter.XYs{{X: 1, Y: -0.5}, {X: 1, Y: float64(len(bars))}})
	if err != nil {
		return err
	}
	chart.Horizontal, chart.Color, bound.Color = true, plotutil.Color(2), plotutil.Color(0)
	p.Add(chart, bound)
	p.NominalY(names...)
	p.X.Min, p.X.Max = 0, longest
	return write(w, name, vg.Length(len(bars)+4)*vg.Points(16), [][]*plot.Plot{{p}})
}

func write(w io.Writer, name string, height vg.Length, plots [][]*plot.Plot) error {
	format := strings.TrimPrefix(filepath.Ext(name), ".")
	canvas, err := draw.NewFormattedCanvas(width, height, format)
	if err != nil {
		return err
	}
	pad := vg.Points(14)
	tiles := draw.Tiles{
		Rows: len(plots), Cols: 1, PadY: pad,
		PadTop: pad, PadBottom: pad, PadLeft: pad, PadRight: 2 * pad,
	}
	canvases := plot.Align(plots, tiles, draw.New(canvas))
	for i, row := range plots {
		row[0].Draw(canvases[i][0])
	}
	_, err = canvas.WriteTo(w)
	return err
}
