package dcr

// StopAt makes a registrar call a function at each point of a change.
func StopAt(r *Registrar, reached func(point string)) { r.reached = reached }
