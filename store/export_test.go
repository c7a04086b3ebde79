package store

import "encoding/json"

// Reservations is how many are kept, ended ones too.
func (m *Memory) Reservations() int { return max(len(m.reserved), len(m.queue)) }

// Reservations is how many are kept, ended ones too.
func (m *MemoryReplay) Reservations() int { return max(len(m.held), len(m.all)) }

// Compact is compact with a buffer of its own.
func Compact(value json.RawMessage) json.RawMessage { return compact(new([]byte), value) }
