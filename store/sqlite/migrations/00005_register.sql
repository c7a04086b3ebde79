-- +goose Up

-- The audit trail. Rows are added, and forgotten by a purge; nothing changes one.
CREATE TABLE audit (
    id          TEXT NOT NULL PRIMARY KEY, -- in the order of time: it begins with at, as 12 hexadecimal digits
    at          BIGINT NOT NULL,           -- milliseconds since 1970, UTC
    record_id   TEXT NOT NULL,             -- clients.id; the row outlives the record
    version     BIGINT NOT NULL,
    state       TEXT NOT NULL,             -- '' where the change removed the record
    client_id   TEXT NOT NULL,
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
    changes     BLOB                       -- JSON: the members with what they were and are; NULL for none
) WITHOUT ROWID;
CREATE INDEX audit_history ON audit (record_id, version);
CREATE INDEX audit_removed ON audit (id, record_id) WHERE state = '';
CREATE INDEX audit_client_ids ON audit (client_id, id) WHERE client_id <> '' AND client_id <> record_id;

-- What Search looks for, each in the order of age.
CREATE INDEX clients_by_age ON clients (issued_at, id);
CREATE INDEX clients_by_org ON clients (org_id, issued_at, id);
CREATE INDEX clients_by_software ON clients (software_id, issued_at, id);
CREATE INDEX clients_by_environment ON clients (environment, issued_at, id);
-- The condition holds for each record. SQLite uses the index for queries that have it too, and
-- leaves those of ListUnfinished and ListPending, in earlier versions of the program as well,
-- to the indexes that are in their order.
CREATE INDEX clients_by_state ON clients (state, issued_at, id) WHERE id > '';

-- +goose Down
DROP INDEX clients_by_state;
DROP INDEX clients_by_environment;
DROP INDEX clients_by_software;
DROP INDEX clients_by_org;
DROP INDEX clients_by_age;
DROP TABLE audit;
