package postgres

// Sweep makes sweeps follow each other without a pause.
func (s *Store) Sweep() { s.sweeper.pause = 0 }

// Swept waits for the sweep that is under way, if there is one.
func (s *Store) Swept() { s.sweeper.under.Wait() }
