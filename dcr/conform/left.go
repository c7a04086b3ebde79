package conform

import (
	"fmt"
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
				counted(len(all), "client"), k.software))
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
				lines = append(lines, fmt.Sprintf("  jti of its request %s, case %s", one.JTI, one.Case))
			}
		}
	}
	return lines
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
