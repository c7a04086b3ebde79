package row

import (
	"time"

	"github.com/obdcr/obdcr/store"
)

// SubscriptionColumns are those of a subscription behind the ID of its record, whose name is a
// store's own.
const SubscriptionColumns = "api, role, since, made_by"

// SubscriptionValues returns the ID of the record and the values of the SubscriptionColumns:
// int64 or string.
func SubscriptionValues(s store.Subscription) []any {
	return []any{s.Client, s.API, string(s.Role), s.Since.Unix(), s.By}
}

// ScanSubscription reads a row that SubscriptionValues made. The error is that of the Scanner.
func ScanSubscription(row Scanner) (store.Subscription, error) {
	var s store.Subscription
	var since int64
	if err := row.Scan(&s.Client, &s.API, &s.Role, &since, &s.By); err != nil {
		return store.Subscription{}, err
	}
	s.Since = time.Unix(since, 0).UTC()
	return s, nil
}
