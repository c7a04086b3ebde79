package store

// Reservations is how many are kept, ended ones too.
func (m *Memory) Reservations() int { return max(len(m.reserved), len(m.queue)) }

// Reservations is how many are kept, ended ones too.
func (m *MemoryReplay) Reservations() int { return max(len(m.held), len(m.all)) }
