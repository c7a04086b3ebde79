package text

import "time"

// UTC writes a time in seconds since 1970 for people, such as 2026-11-23 10:20:42 UTC.
func UTC(seconds int64) string {
	return time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04:05 UTC")
}
