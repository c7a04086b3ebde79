package input_test

import (
	"strings"
	"testing"

	"github.com/obdcr/obdcr/cmd/obdcr/internal/input"
	"github.com/obdcr/obdcr/internal/text"
)

// FuzzRecognise: whatever a file holds, its kind is stable, and neither its name nor any
// error about it steers a terminal.
func FuzzRecognise(f *testing.F) {
	for _, data := range samples(f).Files {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data string) {
		file := input.Recognise(data)
		if !file.Kind.Known() || input.Recognise(data).Kind != file.Kind {
			t.Fatalf("the kind %v is not stable", file.Kind)
		}
		messages := []string{file.What(), file.Kind.String()}
		for _, want := range []input.Kind{input.Request, input.Statement} {
			_, err := file.Token(want)
			messages = append(messages, said(err))
			if e := file.Judged(want); e != nil {
				messages = append(messages, e.Error())
			}
		}
		for _, want := range []input.Kind{input.Policy, input.Discovery, input.ToolConfig, input.ClientAnswer} {
			_, err := file.Document(want)
			messages = append(messages, said(err))
		}
		_, err := file.KeySet()
		messages = append(messages, said(err))
		if file.Kind != input.PKCS12 { // its maker chooses how long it takes to open
			_, _, err = file.SigningKey("", nil)
			messages = append(messages, said(err))
			_, err = file.Certificates(nil, true)
			messages = append(messages, said(err))
		}
		for _, m := range messages {
			if strings.ContainsFunc(strings.ReplaceAll(m, "\n", ""), text.Hidden) {
				t.Fatalf("%q", m)
			}
		}
	})
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
