//go:build js && wasm

// Command wasm is the page to lint in as a program of the browser: site.js calls it.
package main

import (
	"context"
	"syscall/js"

	"github.com/obdcr/obdcr/dcr/tpp/lintpage"
	"github.com/obdcr/obdcr/internal/text"
)

// main gives the browser a function obdcrLint(fields, file): fields is an object of texts by
// the names of the form's fields, file a Uint8Array or null. It returns an object with title
// and html, the content of the main element.
func main() {
	page, err := lintpage.New(lintpage.Config{Static: true})
	if err != nil {
		js.Global().Get("console").Call("error", text.Detail(err))
		return
	}
	js.Global().Set("obdcrLint", js.FuncOf(func(_ js.Value, args []js.Value) any {
		var s lintpage.Submission
		names := js.Global().Get("Object").Call("keys", args[0])
		for i := range names.Length() {
			name := names.Index(i).String()
			s.Set(name, args[0].Get(name).String())
		}
		s.File = ""
		if file := args[1]; file.Truthy() {
			data := make([]byte, file.Length())
			js.CopyBytesToGo(data, file)
			s.File = string(data)
		}
		answer, err := page.Answer(context.Background(), s)
		if err != nil {
			return js.ValueOf(map[string]any{"title": "Error", "html": "", "error": text.Detail(err)})
		}
		return js.ValueOf(map[string]any{"title": answer.Title, "html": string(answer.Main)})
	}))
	js.Global().Get("document").Call("dispatchEvent", js.Global().Get("Event").New("obdcr-ready"))
	select {} // the browser calls from now on
}
