-- +goose Up

-- Registered clients. Times are seconds since 1970, UTC.
CREATE TABLE clients (
    id                 TEXT NOT NULL PRIMARY KEY,
    version            BIGINT NOT NULL,
    state              TEXT NOT NULL,
    since              BIGINT NOT NULL,
    issued_at          BIGINT NOT NULL,
    environment        TEXT NOT NULL,
    issuer             TEXT NOT NULL, -- iss of the statement
    software_id        TEXT NOT NULL,
    org_id             TEXT NOT NULL,
    metadata           BLOB,          -- JSON, byte for byte as it came in
    software_statement BLOB NOT NULL, -- the SSA, byte for byte
    application        TEXT NOT NULL, -- JSON
    unique_key         TEXT NOT NULL, -- '' for none
    secret_hash        BLOB,
    sealed_secret      BLOB,
    reserved           BLOB,          -- key of the reservation that an undo forgets
    previous           BLOB           -- JSON of the record that is still in force
);

-- What the reconciler looks for; active records cost nothing here.
CREATE INDEX clients_unfinished ON clients (since, id) WHERE state <> 'active';

-- The one index that decides what may be registered once only.
CREATE TABLE unique_keys (
    unique_key TEXT NOT NULL PRIMARY KEY,
    client_id  TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE
);
CREATE INDEX unique_keys_of_client ON unique_keys (client_id);

-- The jti that were used. They outlive their client.
CREATE TABLE reservations (
    reservation_key BLOB NOT NULL PRIMARY KEY, -- a hash
    ends_at         BIGINT NOT NULL,
    client_id       TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX reservations_ended ON reservations (ends_at);

-- +goose Down
DROP TABLE reservations;
DROP TABLE unique_keys;
DROP TABLE clients;
