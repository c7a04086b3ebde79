package portal

import (
	"errors"
	"io"
	"net/http"
)

// maxStatement is the greatest length of a software statement that a form may have.
const maxStatement = 64 << 10

// parseForm reads a form, with files or without. Nothing goes to the disk: a form is no larger
// than maxBody.
func (v *visit) parseForm() error {
	err := v.r.ParseForm() // whose error ParseMultipartForm keeps back where there are no files
	if err == nil {
		err = v.r.ParseMultipartForm(maxBody)
	}
	if errors.Is(err, http.ErrNotMultipart) {
		err = nil
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return errTooLong
	case err != nil:
		return errForm
	}
	return nil
}

// upload returns the text of a file of the form; "" where there is none. A form that is sent
// again after a sign-in has the content as a field.
func (v *visit) upload(name string) (string, error) {
	file, _, err := v.r.FormFile(name)
	if errors.Is(err, http.ErrMissingFile) || errors.Is(err, http.ErrNotMultipart) {
		return v.r.PostFormValue(name + fileSuffix), nil
	}
	if err != nil {
		return "", errForm
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxStatement+1))
	if err != nil {
		return "", errForm
	}
	return string(data), nil
}
