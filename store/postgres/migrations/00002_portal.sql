-- +goose Up

-- An entry of the audit trail that belongs to no change has version 0 and state 'note'. No table
-- or index changes for it.

-- The people who signed in at a portal. Times are seconds since 1970, UTC.
CREATE TABLE users (
    email         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name          TEXT NOT NULL,
    issuer        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    organisations TEXT NOT NULL, -- JSON: their org_id
    is_operator   BOOLEAN NOT NULL,
    created_at    BIGINT NOT NULL,
    seen_at       BIGINT NOT NULL,
    change_id     TEXT NOT NULL  -- of the first sign-in: a lost answer is found again by it
);

-- The sessions of a portal, and the keys of those that were ended, which have no data.
CREATE TABLE sessions (
    session_key TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- a hash
    data        BYTEA,
    ends_at     BIGINT NOT NULL,                       -- milliseconds since 1970, UTC
    ended       BOOLEAN NOT NULL
);
CREATE INDEX sessions_ended ON sessions (ends_at, session_key);

-- Which APIs a client is subscribed to. They go with their record, whoever removes that.
CREATE TABLE subscriptions (
    client  TEXT COLLATE "C" NOT NULL REFERENCES clients (id) ON DELETE CASCADE, -- the id of the record
    api     TEXT COLLATE "C" NOT NULL,
    role    TEXT NOT NULL, -- '' for none
    since   BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    PRIMARY KEY (client, api)
);

-- +goose Down
DELETE FROM audit WHERE version = 0;
DROP TABLE subscriptions;
DROP TABLE sessions;
DROP TABLE users;
