-- +goose Up

-- Up to which end reservations were forgotten, in seconds since 1970: 'forgotten' is the
-- latest ends_at of those that were removed, and there is no row before the first one was.
-- It only rises, in the transaction that removes.
CREATE TABLE reservation_marks (
    name    TEXT NOT NULL PRIMARY KEY,
    ends_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE reservation_marks;
