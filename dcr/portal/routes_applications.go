package portal

// routeApplications adds the pages of a person's applications.
func (p *Portal) routeApplications(member func(string, func(*visit) error)) {}
