package chart

import (
	"bytes"
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

const (
	width  = 24 * vg.Centimeter
	height = 20 * vg.Centimeter
	dpi    = 110 // of a PNG
)

// Formats are what Draw can make.
func Formats() []string { return []string{"svg", "png"} }

// Draw writes a chart in one of Formats.
func Draw(w io.Writer, format, title string, r *load.Report) error {
	canvas, err := newCanvas(format)
	if err != nil {
		return err
	}
	latency, err := latencyPlot(r)
	if err != nil {
		return err
	}
	latency.Title.Text = title
	rate, err := ratePlot(r)
	if err != nil {
		return err
	}
	page := draw.New(canvas)
	page.SetColor(color.White)
	page.Fill(page.Rectangle.Path())
	pad := vg.Points(12)
	tiles := draw.Tiles{Rows: 2, Cols: 1, PadX: pad, PadY: vg.Points(20), PadTop: pad, PadBottom: pad, PadLeft: pad, PadRight: vg.Points(24)}
	plots := [][]*plot.Plot{{latency}, {rate}}
	for i, row := range plot.Align(plots, tiles, page) {
		plots[i][0].Draw(row[0])
	}
	var picture bytes.Buffer
	if _, err := canvas.WriteTo(&picture); err != nil {
		return err
	}
	text := picture.Bytes()
	if format == "svg" { // the font is not in the file, and those who do not have it have one of the same width
		text = bytes.ReplaceAll(text, []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,sans-serif;"))
	}
	_, err = w.Write(text)
	return err
}

type canvas interface {
	vg.CanvasSizer
	io.WriterTo
}

func newCanvas(format string) (canvas, error) {
	switch format {
	case "svg":
		return vgsvg.New(width, height), nil
	case "png":
		return vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))}, nil
	}
	return nil, fmt.Errorf("there is no chart format %q, only %v", format, Formats())
}

// newPlot has letters that can be read on a screen, and a grid.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, style := range []*text.Style{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		style.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(10)}
	}
	p.Title.TextStyle.Font.Size = vg.Points(13)
	p.Title.Padding = vg.Points(10)
	p.Legend.Padding = vg.Points(2)
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{Y: 210}, color.Gray{Y: 210}
	p.Add(grid)
	return p
}

// newLine is that of the i-th group. Lines differ in colour and in dashes, for people who do not see all colours.
func newLine(i int, points plotter.XYs) (*plotter.Line, error) {
	line, err := plotter.NewLine(points)
	if err != nil {
		return nil, err
	}
	colors := []color.RGBA{ // those of Okabe and Ito
		{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {86, 180, 233, 255}, {120, 120, 120, 255},
	}
	dashes := [][]vg.Length{nil, {vg.Points(6), vg.Points(3)}, {vg.Points(2), vg.Points(2)}, {vg.Points(8), vg.Points(3), vg.Points(2), vg.Points(3)}, {vg.Points(1), vg.Points(3)}}
	line.Color = colors[i%len(colors)]
	line.Dashes = dashes[i%len(dashes)]
	line.Width = vg.Points(1.8)
	return line, nil
}
