package dcr

// StopAt has a registrar tell each point of a change that it reaches.
func StopAt(r *Registrar, reached func(point string)) { r.reached = reached }
