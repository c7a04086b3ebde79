-- +goose Up

-- What Probe writes, and removes again.
CREATE TABLE probes (
    id      INTEGER NOT NULL PRIMARY KEY,
    written BLOB NOT NULL
);

-- +goose Down
DROP TABLE probes;
