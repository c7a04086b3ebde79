package archive

import (
	"bytes"

	"github.com/obdcr/obdcr/internal/jsonscan"
	"github.com/obdcr/obdcr/internal/text"
)

// take reads a line, adds what it holds to the batch, and returns its kind.
func (r *reader) take(line []byte, b *batch) (string, error) {
	document, err := jsonscan.Parse(string(line))
	if err != nil {
		return "", damaged("%s", text.Detail(err))
	}
	kind, _ := document.MemberText("kind")
	if (r.line == 1) != (kind == kindHeader) {
		if r.line == 1 {
			return "", damaged("it is no header of an archive: this is another file")
		}
		return "", damaged("a header stands here again")
	}
	switch kind {
	case kindHeader:
		return kind, r.takeHeader(document, line)
	case kindClient:
		return kind, r.takeClient(line, b)
	case kindReservation:
		return kind, r.takeReservation(line, b)
	case kindAudit:
		return kind, r.takeAudit(line, b)
	case kindMark:
		var mark markLine
		if err := r.strict(line, &mark); err != nil {
			return "", err
		}
		b.Forgotten = seconds(mark.Forgotten)
		return kind, r.inSection(len(sections), kind, true)
	case kindCheck:
		var check checkLine
		if err := r.strict(line, &check); err != nil {
			return "", err
		}
		b.sums = Checkpoint{Line: r.line, SHA256: check.SHA256}
		return kind, r.checked(check.Lines, check.SHA256)
	case kindEnd:
		return kind, r.takeEnd(line, b)
	}
	return "", damaged("%s is no kind of line", text.Quote(kind))
}

func (r *reader) takeHeader(document jsonscan.Value, line []byte) error {
	format, _ := document.MemberText("format")
	if format != formatName {
		return damaged("its format is %s, not %q: this is another file", text.Quote(format), formatName)
	}
	version, _ := document.Member("version")
	if n, ok := version.Int64(); !ok || n < firstVersion || n > formatVersion {
		return because(ErrVersion, "%s, and this program reads %d and %d: use the one that wrote it", text.Echo(version.Raw()), firstVersion, formatVersion)
	}
	return r.strict(line, &r.header)
}

func (r *reader) takeClient(line []byte, b *batch) error {
	var l clientLine
	if err := r.strict(line, &l); err != nil {
		return err
	}
	if err := r.inSection(0, kindClient, l.ID > r.at.client); err != nil {
		return err
	}
	c := l.client()
	if isSealed(&c) && r.header.Sealing == "" || l.LeftOut && !r.header.LeftOut {
		return damaged("the header does not tell what is sealed in the record of %s", text.Quote(l.ID))
	}
	subscriptions, err := l.subscriptions()
	switch {
	case err != nil:
		return err
	case len(subscriptions) > 0 && r.header.Version == firstVersion:
		return damaged("a file of version %d has no subscriptions", firstVersion)
	}
	if l.LeftOut {
		r.seen.LeftOut++
	}
	if isSealed(&c) {
		r.seen.Sealed++
	}
	r.at.client = l.ID
	r.seen.Clients++
	r.seen.Subscriptions += len(subscriptions)
	b.Subscriptions = append(b.Subscriptions, subscriptions...)
	b.Clients, b.lines = append(b.Clients, c), append(b.lines, r.line)
	return nil
}

func (r *reader) takeReservation(line []byte, b *batch) error {
	var l reservationLine
	if err := r.strict(line, &l); err != nil {
		return err
	}
	held, err := l.reservation()
	if err != nil {
		return damaged("%s", text.Detail(err))
	}
	if err := r.inSection(1, kindReservation, r.at.key == nil || bytes.Compare(held.Key[:], r.at.key) > 0); err != nil {
		return err
	}
	r.at.key = held.Key[:]
	r.seen.Reservations++
	b.Reservations = append(b.Reservations, held)
	return nil
}

func (r *reader) takeAudit(line []byte, b *batch) error {
	var l auditLine
	if err := r.strict(line, &l); err != nil {
		return err
	}
	if err := r.inSection(2, kindAudit, l.ID > r.at.audit); err != nil {
		return err
	}
	entry := l.entry()
	if entry.IsNote() && r.header.Version == firstVersion {
		return damaged("a file of version %d has no notes", firstVersion)
	}
	r.at.audit = l.ID
	r.seen.Audit++
	b.Audit = append(b.Audit, entry)
	return nil
}

func (r *reader) takeEnd(line []byte, b *batch) error {
	var end endLine
	if err := r.strict(line, &end); err != nil {
		return err
	}
	b.ended = true
	b.sums = Checkpoint{Line: r.line, SHA256: end.SHA256}
	if end.Clients != r.seen.Clients || end.Reservations != r.seen.Reservations || end.Audit != r.seen.Audit {
		return damaged("it counts %d clients, %d reservations and %d audit entries, and there are %d, %d and %d",
			end.Clients, end.Reservations, end.Audit, r.seen.Clients, r.seen.Reservations, r.seen.Audit)
	}
	if end.Subscribed != r.seen.Subscriptions {
		return damaged("it counts %d subscriptions, and there are %d", end.Subscribed, r.seen.Subscriptions)
	}
	return r.checked(end.Lines, end.SHA256)
}

// inSection demands that a record of that section may stand here, and behind the one before
// it.
func (r *reader) inSection(section int, kind string, ascends bool) error {
	switch {
	case section < r.at.kind:
		return damaged("a %s stands behind what comes after all of them: the lines are out of order", kind)
	case section == len(sections) && r.at.kind == section:
		return damaged("a %s stands here again", kind)
	case !ascends:
		return damaged("a %s is doubled or out of order", kind)
	}
	r.at.kind = section
	return nil
}

// strict decodes a line that jsonscan has read, without members that are not known.
func (r *reader) strict(line []byte, into any) error {
	r.text.Reset(line)
	if err := r.json.Decode(into); err != nil {
		return damaged("%s", text.Bounded{Err: err}.Error())
	}
	return nil
}
