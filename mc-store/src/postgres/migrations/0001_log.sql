-- The log, in the layout of postgres-es, so that a service on cqrs-es and postgres-es shares it. Two columns are added:
-- the place in the whole log, and a time that never steps back along it. The triggers of the next step fill them for rows
-- that come without.
CREATE TABLE IF NOT EXISTS events (
    aggregate_type text                         NOT NULL,
    aggregate_id   text                         NOT NULL,
    sequence       bigint CHECK (sequence >= 0) NOT NULL,
    event_type     text                         NOT NULL,
    event_version  text                         NOT NULL,
    payload        json                         NOT NULL,
    metadata       json                         NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);

ALTER TABLE events
    ADD COLUMN position  bigint      NOT NULL,
    -- The latest time that any event up to this position was recorded at, so that it can be searched.
    ADD COLUMN latest_at timestamptz NOT NULL,
    ADD CONSTRAINT events_position UNIQUE (position),
    ADD CONSTRAINT events_position_from_1 CHECK (position >= 1),
    ADD CONSTRAINT events_sequence_from_1 CHECK (sequence >= 1);

-- Where the log ends: one row. Whoever appends holds the ordering lock, then moves it.
CREATE TABLE mc_head (
    only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    position   bigint      NOT NULL DEFAULT 0,
    latest_at  timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00',
    -- Moves when a node makes void what it may have sent over a connection that broke.
    generation bigint      NOT NULL DEFAULT 0,
    -- The lease of the node that leads, a fencing token: what comes under an older one is refused.
    lease      bigint      NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO mc_head DEFAULT VALUES;

-- What was answered under each key, so that a repeat gets the same.
CREATE TABLE mc_idempotency_keys (
    number      bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    key         text   PRIMARY KEY,
    fingerprint bytea  NOT NULL,
    position    bigint NOT NULL,
    answer      text   NOT NULL
);

-- A copy into this log that has not ended: one row, or none. No server opens the log meanwhile.
CREATE TABLE mc_unfinished (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    since    timestamptz NOT NULL DEFAULT now()
);

-- For operators: SELECT * FROM event_log WHERE aggregate_type = 'task' ORDER BY position DESC LIMIT 20;
CREATE VIEW event_log AS
SELECT
    position,
    aggregate_type,
    aggregate_id,
    sequence,
    event_type,
    event_version,
    payload,
    metadata,
    metadata ->> 'recordedAt' AS recorded_at
FROM events;
