package bench

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/obdcr/obdcr/store"
)

// scaleBatch is how many records are imported at once.
const scaleBatch = 500

// scaleBegan is when the first client was registered. Three years of registrations follow.
var scaleBegan = time.Unix(1_700_000_000, 0).UTC()

const scaleYears = 3 * 365 * 24 * time.Hour

// scaleClock is the clock of the stores: at rest, so that no reservation ends unless it is
// turned.
type scaleClock struct{ turned atomic.Int64 } // by so many seconds

func (c *scaleClock) now() time.Time {
	return scaleBegan.Add(scaleYears + time.Duration(c.turned.Load())*time.Second)
}

// scaleID is the ID of the client of that number.
func scaleID(number int) string {
	hash := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(number)))
	return base32.StdEncoding.EncodeToString(hash[:])[:26]
}

// record is the client of that number. Each organisation has a hundred, each software two.
func (s scaled) record(template store.Client, number int) store.Client {
	c := template
	c.ID = scaleID(number)
	c.ClientID, c.UniqueKey = c.ID, ""
	c.OrgID, c.SoftwareID = s.org(number), fmt.Sprint("software", number/2)
	c.IssuedAt = scaleBegan.Add(scaleYears / time.Duration(s.size) * time.Duration(number)).Truncate(time.Second)
	c.Since, c.Version, c.State = c.IssuedAt, 1, store.Active
	return c
}

func (s scaled) org(number int) string { return fmt.Sprintf("org%07d", number%max(s.size/100, 1)) }

// fill imports all records of the store, each with a reservation and an entry of the audit
// trail, and returns how long that took.
func (s scaled) fill(t testing.TB, template store.Client) time.Duration {
	t.Helper()
	var took time.Duration
	for first := 0; first < s.size; first += scaleBatch {
		var b store.Batch
		for number := first; number < min(first+scaleBatch, s.size); number++ {
			c := s.record(template, number)
			with := scaleChange("create", number)
			entry, _ := store.NewAuditEntry(c, false, with, c.IssuedAt)
			b.Clients, b.Audit = append(b.Clients, c), append(b.Audit, entry)
			b.Reservations = append(b.Reservations, store.HeldReservation{Key: with.Reservation.Key(), Until: with.Reservation.Until, Client: c.ID})
		}
		began := time.Now()
		done, err := s.Import(t.Context(), b)
		took += time.Since(began)
		if err != nil || done.Clients != len(b.Clients) {
			t.Fatal(done, err)
		}
	}
	return took
}

// scaleChange is what a change of that number commits beside the record. The reservations of
// the first ones end first, one a second from when the clock stands.
func scaleChange(operation string, number int) store.Change {
	at := (&scaleClock{}).now()
	return store.Change{
		Reservation: store.Reservation{
			Namespace: "request", Issuer: "scale", JTI: fmt.Sprint(operation, number),
			Until: at.Add(time.Duration(number+1) * time.Second),
		},
		Audit: store.Audit{
			Actor: "tpp", ActorName: "9Jk0wqv7dM3pXQ2bYc8tZ5nRfLh1sVgEuKaOiWjTxBD", Operation: operation, Decision: "done", RuleSet: "obie-3.3",
			Changes: []store.AuditChange{{Member: "scope", After: []byte(`"openid accounts payments"`)}},
		},
	}
}

func decoded(text string) []byte {
	payload, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	return payload
}
