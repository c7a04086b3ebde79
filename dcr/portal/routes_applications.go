package portal

// routeApplications adds the pages of a person's applications.
func (p *Portal) routeApplications(member func(string, func(*visit) error)) {
	const one = pathApplications + "/{id}"
	member("GET "+pathAdd, (*visit).addForm)
	member("POST "+pathAdd, (*visit).add)
	member("GET "+one, (*visit).application)
	member("GET "+one+"/renew", (*visit).renewForm)
	member("POST "+one+"/renew", (*visit).renew)
	member("GET "+one+"/delete", (*visit).deleteForm)
	member("POST "+one+"/delete", (*visit).delete)
	member("POST "+one+"/subscriptions", (*visit).subscribe)
	member("POST "+one+"/subscriptions/end", (*visit).unsubscribe)
}
