package conform

import (
	"fmt"
	"time"
)

// LeftLines tells which clients may be left, those that are left for the same reason together, of each reason at most some.
// A line that begins with two blanks goes on with the one above it.
func LeftLines(left []Left, most int) []string {
	type kind struct {
		reason, software string
		named            bool
	}
	var order []kind
	by := map[kind][]Left{}
	for _, one := range left {
		k := kind{one.Reason, one.SoftwareID, one.ClientID != ""}
		if by[k] == nil {
			order = append(order, k)
		}
		by[k] = append(by[k], one)
	}
	var lines []string
	for _, k := range order {
		all := by[k]
		if k.named {
			lines = append(lines, fmt.Sprintf("left at the bank: %s", counted(len(all), "client")))
		} else {
			lines = append(lines, fmt.Sprintf("left at the bank, perhaps: %s of the software %s, of which no client_id is known",
				counted(CountLeft(all), "client"), k.software))
		}
		lines = append(lines, "  because: "+k.reason)
		for i, one := range all {
			if i == most && len(all) > most+1 {
				lines = append(lines, fmt.Sprintf("  and %d more", len(all)-most))
				break
			}
			if k.named {
				lines = append(lines, fmt.Sprintf("  client_id %s, case %s", one.ClientID, one.Case))
			} else {
				lines = append(lines, fmt.Sprintf("  %s, case %s", one.request(), one.Case))
			}
		}
	}
	return lines
}

// CountLeft is how many clients may be left, with those of registrations that were sent more than once.
func CountLeft(left []Left) (n int) {
	for _, one := range left {
		n += one.clients()
	}
	return n
}

// clients is how many clients the bank may have made.
func (l Left) clients() int { return max(1, l.Sent) }

// request tells by what the bank's operator finds a client whose client_id is not known.
func (l Left) request() string {
	said := "a request without a jti"
	if l.JTI != "" {
		said = "jti of its request " + l.JTI
	}
	if !l.At.IsZero() {
		said += ", sent at " + l.At.UTC().Format(time.RFC3339)
	}
	if l.Sent > 1 {
		said += fmt.Sprintf(" first, %d times in all", l.Sent)
	}
	return said
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
