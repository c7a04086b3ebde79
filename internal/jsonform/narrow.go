package jsonform

// Narrow is a Type whose Schema says what a Check beside it refuses, as far as a schema can.
type Narrow[V any] struct {
	Type[V]
	By func(*Schema)
}

// Schema returns the schema of the Type, changed by By.
func (n Narrow[V]) Schema() *Schema {
	s := n.Type.Schema()
	n.By(s)
	return s
}
