-- +goose Up

-- The client_id, which the authorization server may choose, and what it gave to manage
-- the client by. A record has no client_id before it is active for the first time.
ALTER TABLE clients ADD COLUMN client_id TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN jwks_address TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN subject_dn TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN own_subject TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN upstream_state BLOB;
ALTER TABLE clients ADD COLUMN upstream_members BLOB;
UPDATE clients SET client_id = id WHERE state <> 'creating';
CREATE UNIQUE INDEX clients_of_client_id ON clients (client_id) WHERE client_id <> '';

-- A change that waits for a person is not unfinished.
DROP INDEX clients_unfinished;
CREATE INDEX clients_unfinished ON clients (since, id) WHERE state IN ('creating', 'updating', 'deleting');
CREATE INDEX clients_pending ON clients (id) WHERE state IN ('pending_create', 'pending_delete');

-- +goose Down
DROP INDEX clients_pending;
DROP INDEX clients_unfinished;
CREATE INDEX clients_unfinished ON clients (since, id) WHERE state <> 'active';
DROP INDEX clients_of_client_id;
ALTER TABLE clients DROP COLUMN upstream_members;
ALTER TABLE clients DROP COLUMN upstream_state;
ALTER TABLE clients DROP COLUMN own_subject;
ALTER TABLE clients DROP COLUMN subject_dn;
ALTER TABLE clients DROP COLUMN jwks_address;
ALTER TABLE clients DROP COLUMN client_id;
