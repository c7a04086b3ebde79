package portal

// routeOperators adds the pages of the bank's operators.
func (p *Portal) routeOperators(operator func(string, func(*visit) error)) {}
