package dialect

// Page describes the members of a file in Markdown.
func Page() string { return form.Page() }
