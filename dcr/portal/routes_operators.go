package portal

// routeOperators adds the pages of the bank's operators.
func (p *Portal) routeOperators(operator func(string, func(*visit) error)) {
	operator("GET /approvals", (*visit).approvals)
	operator("GET /approvals/{id}", (*visit).approval)
	operator("POST /approvals/{id}", (*visit).decide)
	operator("GET /applications/{id}/remove", (*visit).removal)
	operator("POST /applications/{id}/remove", (*visit).remove)
}
