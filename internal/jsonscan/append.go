package jsonscan

import "encoding/json"

// AppendString appends a text as a JSON string, spelled as encoding/json does.
func AppendString(out []byte, text string) []byte {
	for i := range len(text) {
		if !asIs[text[i]] {
			quoted, _ := json.Marshal(text) // a string always encodes
			return append(out, quoted...)
		}
	}
	return append(append(append(out, '"'), text...), '"')
}

// asIs are the bytes that encoding/json writes as they are, whatever is beside them.
var asIs = func() (asIs [256]bool) {
	for c := byte(' '); c <= '~'; c++ {
		asIs[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return asIs
}()
