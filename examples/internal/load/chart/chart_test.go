package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/berthpass/registry-auth/examples/internal/load"
)

func report() *load.Report {
	return &load.Report{Groups: []load.GroupReport{
		{
			Name:     "pulls",
			Latency:  load.Latency{Points: []load.Point{{Percent: 0, Within: 0}, {Percent: 50, Within: time.Millisecond}, {Percent: 99.9, Within: 2 * time.Second}}},
			Timeline: load.Timeline{Step: 10 * time.Millisecond, Counts: []uint64{100, 0, 0, 200, 300, 1}},
		},
		{Name: "guesses"}, // without an answer
	}}
}

func TestSVGIsXML(t *testing.T) {
	for name, r := range map[string]*load.Report{"a report": report(), "nothing": {}} {
		var b bytes.Buffer
		if err := Draw(&b, "svg", "one < two", r); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		decoder := xml.NewDecoder(&b)
		for {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for _, want := range []string{"one &lt; two", "percent of the answers", "answers per second", "99.9", "Arial,sans-serif"} {
			if name == "a report" && !strings.Contains(text, want) {
				t.Errorf("there is no %q", want)
			}
		}
		if strings.Contains(text, "pulls") != (name == "a report") {
			t.Errorf("%s: the legend is wrong", name)
		}
	}
}

func TestPNGIsAPicture(t *testing.T) {
	var b bytes.Buffer
	if err := Draw(&b, "png", "title", report()); err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if size := picture.Bounds().Size(); size.X < 800 || size.Y < 600 {
		t.Errorf("the picture is %v", size)
	}
}

func TestOtherFormats(t *testing.T) {
	if err := Draw(io.Discard, "gif", "title", report()); err == nil {
		t.Error("a gif was drawn")
	}
}

// TestRates: the last step is not a whole one, and is left out; no answer is drawn as few.
func TestRates(t *testing.T) {
	points := rates(report().Groups[0].Timeline)
	want := []float64{10000, leastRate, leastRate, 20000, 30000}
	if len(points) != len(want) {
		t.Fatalf("points are %v", points)
	}
	for i, y := range want {
		if points[i].Y < y*0.999 || points[i].Y > y*1.001 {
			t.Errorf("point %d is %v, want %v", i, points[i], y)
		}
	}
	if rare := rates(load.Timeline{Step: time.Second, Counts: []uint64{1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1}}); len(rare) != 1 {
		t.Errorf("of three answers there are %d points", len(rare))
	}
}
