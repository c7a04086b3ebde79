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

-- What Search looks for. The first one is in the order of age within each environment and state,
-- of which there are few: Search merges them where a query leaves one of the two open.
CREATE INDEX clients_by_age ON clients (environment, state, issued_at, id);
CREATE INDEX clients_by_org ON clients (org_id, issued_at, id);
CREATE INDEX clients_by_software ON clients (software_id, issued_at, id);

-- +goose Down
DROP INDEX clients_by_software;
DROP INDEX clients_by_org;
DROP INDEX clients_by_age;
DROP TABLE audit;
