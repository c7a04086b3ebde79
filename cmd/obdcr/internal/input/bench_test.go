package input_test

import (
	"testing"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
)

// BenchmarkRecognise recognises a signed request, which lint does for each of its files.
func BenchmarkRecognise(b *testing.B) {
	request := samples(b).Files["request"]
	b.ReportAllocs()
	for b.Loop() {
		input.Recognise(request)
	}
}
