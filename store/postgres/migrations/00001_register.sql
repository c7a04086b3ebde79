-- +goose Up

-- The oldest schema whose programs can still work on this one: a later migration that such a
-- program cannot live with raises it.
CREATE TABLE schema_compat (
    name   TEXT NOT NULL PRIMARY KEY,
    oldest BIGINT NOT NULL
);
INSERT INTO schema_compat (name, oldest) VALUES ('programs', 1);

-- Registered clients. Times are seconds since 1970, UTC. Texts are compared by their bytes.
CREATE TABLE clients (
    id                 TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    version            BIGINT NOT NULL,
    state              TEXT COLLATE "C" NOT NULL,
    since              BIGINT NOT NULL,
    issued_at          BIGINT NOT NULL,
    environment        TEXT COLLATE "C" NOT NULL,
    issuer             TEXT COLLATE "C" NOT NULL, -- iss of the statement
    software_id        TEXT COLLATE "C" NOT NULL,
    org_id             TEXT COLLATE "C" NOT NULL,
    metadata           BYTEA,                     -- JSON, byte for byte as it came in
    software_statement BYTEA NOT NULL,            -- the SSA, byte for byte
    application        TEXT NOT NULL,             -- JSON
    unique_key         TEXT COLLATE "C" NOT NULL, -- '' for none
    secret_hash        BYTEA,
    sealed_secret      BYTEA,
    reserved           BYTEA,                     -- key of the reservation that an undo forgets
    previous           BYTEA,                     -- JSON of the record that is still in force
    client_id          TEXT COLLATE "C" NOT NULL, -- '' before the record is active for the first time
    jwks_address       TEXT NOT NULL,
    subject_dn         TEXT NOT NULL,
    own_subject        TEXT NOT NULL,
    upstream_state     BYTEA,
    upstream_members   BYTEA,
    change_id          TEXT NOT NULL              -- of the change that wrote the row: a lost answer is found again by it
);
CREATE UNIQUE INDEX clients_of_client_id ON clients (client_id) WHERE client_id <> '';

-- What the reconciler and the approvers look for; active records cost nothing here.
CREATE INDEX clients_unfinished ON clients (since, id) WHERE state IN ('creating', 'updating', 'deleting');
CREATE INDEX clients_pending ON clients (id) WHERE state IN ('pending_create', 'pending_delete');

-- What a search looks for. Nearly all records are active: the index by age finds those, and the
-- one by state has the others.
CREATE INDEX clients_by_age ON clients (issued_at, id);
CREATE INDEX clients_by_organisation ON clients (org_id, issued_at, id);
CREATE INDEX clients_by_software ON clients (software_id, issued_at, id);
CREATE INDEX clients_by_environment ON clients (environment, issued_at, id);
CREATE INDEX clients_by_state ON clients (state, issued_at, id) WHERE state <> 'active';

-- The one index that decides what may be registered once only.
CREATE TABLE unique_keys (
    unique_key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    client_id  TEXT COLLATE "C" NOT NULL -- the id of the record
);

-- The jti that were used. They outlive their client.
CREATE TABLE reservations (
    reservation_key BYTEA NOT NULL PRIMARY KEY, -- a hash
    ends_at         BIGINT NOT NULL,
    client_id       TEXT COLLATE "C" NOT NULL -- the id of the record
);
CREATE INDEX reservations_ended ON reservations (ends_at);

-- Up to which end jti were forgotten: the latest end of those that were removed, of
-- reservations under 'forgotten' in seconds, of leases under 'leases' in milliseconds. There is
-- no row before the first one was. It only rises, in the transaction that removes.
CREATE TABLE reservation_marks (
    name    TEXT NOT NULL PRIMARY KEY,
    ends_at BIGINT NOT NULL
);

-- The audit trail. Nothing changes a row once it is written.
CREATE TABLE audit (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- begins with the time
    at          BIGINT NOT NULL,                       -- milliseconds since 1970, UTC
    client      TEXT COLLATE "C" NOT NULL,             -- the id of the record, which the entry outlives
    version     BIGINT NOT NULL,
    state       TEXT COLLATE "C" NOT NULL,             -- '' where the record was removed
    client_id   TEXT COLLATE "C" NOT NULL,
    environment TEXT NOT NULL,
    issuer      TEXT NOT NULL,
    software_id TEXT NOT NULL,
    org_id      TEXT NOT NULL,
    actor       TEXT NOT NULL,
    actor_name  TEXT NOT NULL,
    operation   TEXT NOT NULL,
    decision    TEXT NOT NULL,
    reason      TEXT NOT NULL,
    ssa_jti     TEXT NOT NULL,
    rule_set    TEXT NOT NULL,
    changes     TEXT NOT NULL                          -- JSON
);
CREATE INDEX audit_of_client ON audit (client, version, id);
CREATE INDEX audit_removed ON audit (id) WHERE state = '';
CREATE INDEX audit_of_client_id ON audit (client_id, id) WHERE client_id <> '' AND client_id <> client;

-- The jti that a registrar with a Replay holds, or has confirmed. Times are milliseconds.
CREATE TABLE leases (
    lease_key BYTEA NOT NULL PRIMARY KEY, -- a hash
    ends_at   BIGINT NOT NULL,            -- of the lease, or of the reservation once it is confirmed
    lasts     BIGINT NOT NULL,            -- how long the lease is
    confirmed BOOLEAN NOT NULL,
    change_id TEXT NOT NULL               -- as in clients
);
CREATE INDEX leases_ended ON leases (ends_at);

-- Access tokens that this bank has issued, by their hash.
CREATE TABLE access_tokens (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    client_id  TEXT COLLATE "C" NOT NULL,
    content    BYTEA NOT NULL,
    expires_at BIGINT NOT NULL -- milliseconds since 1970, UTC
);
CREATE INDEX access_tokens_of_client ON access_tokens (client_id, expires_at, token_hash);
CREATE INDEX access_tokens_expired ON access_tokens (expires_at);

-- What a probe writes, and removes again: a row for each process.
CREATE TABLE probes (
    id         TEXT NOT NULL PRIMARY KEY,
    written_at BIGINT NOT NULL, -- seconds since 1970, UTC
    written    BYTEA NOT NULL
);

-- +goose Down
DROP TABLE probes;
DROP TABLE access_tokens;
DROP TABLE leases;
DROP TABLE audit;
DROP TABLE reservation_marks;
DROP TABLE reservations;
DROP TABLE unique_keys;
DROP TABLE clients;
DROP TABLE schema_compat;
