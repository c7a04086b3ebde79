package browser

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// colours is how many colours a picture has at most: enough for pages of flat colours, whose
// letters have a few shades.
const colours = 48

// Screenshot writes a picture of the whole page, as wide as the window, as a PNG with a palette.
func (p *Page) Screenshot(path string) {
	p.t.Helper()
	tall := max(Eval[int](p, "Math.ceil(document.documentElement.getBoundingClientRect().height)"), 1)
	shot := run(p, "screenshot", func(ctx context.Context, _ *chromedp.Target) ([]byte, error) {
		got, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: new(true),
			Clip: &page.Viewport{Width: float64(p.opts.Width), Height: float64(tall), Scale: 1}})
		return got.Data, err
	})
	full, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		p.t.Fatal(err)
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, withPalette(full)); err != nil {
		p.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil { //nolint:gosec // a picture for documents
		p.t.Fatal(err)
	}
}

// withPalette reduces a picture to its most frequent colours; each other one becomes the nearest
// of them.
func withPalette(full image.Image) *image.Paletted {
	bounds := full.Bounds()
	counts := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(full.At(x, y)).(color.RGBA) }
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[at(x, y)]++
		}
	}
	frequent := make([]color.RGBA, 0, len(counts))
	for c := range counts {
		frequent = append(frequent, c)
	}
	slices.SortFunc(frequent, func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	palette, places := color.Palette{}, map[color.RGBA]uint8{}
	for _, c := range frequent[:min(len(frequent), colours)] {
		palette = append(palette, c)
	}
	for _, c := range frequent {
		places[c] = uint8(palette.Index(c)) //nolint:gosec // G115: a palette has 256 at most
	}
	out := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			out.SetColorIndex(x, y, places[at(x, y)])
		}
	}
	return out
}
