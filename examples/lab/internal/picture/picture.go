// Package picture draws the result of a run as SVG or PNG: panels of lines below each other, or bars.
package picture

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	width       = 24 * vg.Centimeter
	panelHeight = 9 * vg.Centimeter
	dpi         = 110 // of a PNG
)

// A Panel has lines.
type Panel struct {
	Title, X, Y string
	Lines       []Line
	LogY        bool // values below LogFloor are drawn as that
	LogFloor    float64
	XTicks      []plot.Tick // nil lets the library choose
	YLabel      func(float64) string
}

// A Line has a name and its points.
type Line struct {
	Name   string
	Points plotter.XYs
}

// Check says whether the name of a file tells a format that can be drawn.
func Check(name string) error {
	if ext := filepath.Ext(name); ext != ".svg" && ext != ".png" {
		return fmt.Errorf("the picture's name has to end with .svg or .png, not with %q", ext)
	}
	return nil
}

// Draw writes panels in the format that the name of the file says.
func Draw(w io.Writer, name string, panels ...Panel) error {
	plots := make([][]*plot.Plot, len(panels))
	for i := range panels {
		p, err := panels[i].plot()
		if err != nil {
			return err
		}
		plots[i] = []*plot.Plot{p}
	}
	return drawPlots(w, name, vg.Length(len(panels))*panelHeight, plots)
}

func drawPlots(w io.Writer, name string, height vg.Length, plots [][]*plot.Plot) error {
	var canvas interface {
		vg.CanvasSizer
		io.WriterTo
	} = vgsvg.New(width, height)
	if filepath.Ext(name) == ".png" {
		canvas = vgimg.PngCanvas{
			Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi)),
		}
	}
	page := draw.New(canvas)
	page.SetColor(color.White)
	page.Fill(page.Rectangle.Path())
	pad := vg.Points(14)
	tiles := draw.Tiles{
		Rows: len(plots), Cols: 1, PadY: pad, PadTop: pad, PadBottom: pad, PadLeft: pad, PadRight: 2 * pad,
	}
	for i, row := range plot.Align(plots, tiles, page) {
		plots[i][0].Draw(row[0])
	}
	var picture bytes.Buffer
	if _, err := canvas.WriteTo(&picture); err != nil {
		return err
	}
	// An SVG has no font in it. Arial has letters of the same width.
	_, err := w.Write(bytes.ReplaceAll(picture.Bytes(),
		[]byte("font-family:Liberation Sans;"),
		[]byte("font-family:Liberation Sans,Arial,sans-serif;")))
	return err
}

// newPlot has a grid, and letters that can be read on a screen.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	for _, style := range []*text.Style{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle,
		&p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		style.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(10)}
	}
	p.Title.TextStyle.Font.Size = vg.Points(12)
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{Y: 210}, color.Gray{Y: 210}
	p.Add(grid)
	return p
}

func (panel *Panel) plot() (*plot.Plot, error) {
	p := newPlot(panel.Title, panel.X, panel.Y)
	p.Legend.Top, p.Legend.Padding = true, vg.Points(3)
	least, most := math.Inf(1), math.Inf(-1)
	for i, l := range panel.Lines {
		for j := range l.Points {
			if panel.LogY {
				l.Points[j].Y = max(l.Points[j].Y, panel.LogFloor)
			}
			least, most = min(least, l.Points[j].Y), max(most, l.Points[j].Y)
		}
		if len(l.Points) == 0 {
			continue
		}
		line, err := newLine(i, l.Points)
		if err != nil {
			return nil, err
		}
		p.Add(line)
		p.Legend.Add(l.Name, line)
	}
	if panel.XTicks != nil {
		p.X.Tick.Marker = plot.ConstantTicks(panel.XTicks)
		p.X.Min = panel.XTicks[0].Value
	}
	p.Y.Min, p.Y.Max = 0, max(1, 1.3*most) // with room for the legend
	if panel.LogY && most > 0 {
		p.Y.Min = math.Pow10(int(math.Floor(math.Log10(least))))
		p.Y.Max = math.Pow10(int(math.Ceil(math.Log10(most * 1.01))))
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks(p.Y.Min, p.Y.Max, panel.YLabel)
	}
	return p, nil
}

// newLine differs from the others in colour and in dashes, for people who do not see all colours.
func newLine(i int, points plotter.XYs) (*plotter.Line, error) {
	line, err := plotter.NewLine(points)
	if err != nil {
		return nil, err
	}
	colors := []color.RGBA{ // of Okabe and Ito
		{0, 114, 178, 255},
		{213, 94, 0, 255},
		{0, 158, 115, 255},
		{204, 121, 167, 255},
		{86, 180, 233, 255},
		{120, 120, 120, 255},
	}
	dashes := [][]vg.Length{nil, {vg.Points(6), vg.Points(3)}, {vg.Points(2), vg.Points(2)}}
	line.Color, line.Dashes = colors[i%len(colors)], dashes[i%len(dashes)]
	line.Width = vg.Points(1.8)
	return line, nil
}

// logTicks have a label at each power of ten.
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
