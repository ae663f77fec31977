-- Streams are numbered in order of creation, so that new ones are added at the end of every index by stream.
CREATE TABLE streams (
    stream_key     INTEGER PRIMARY KEY,
    aggregate_type TEXT NOT NULL,
    aggregate_id   TEXT NOT NULL,
    UNIQUE (aggregate_type, aggregate_id)
) STRICT;

-- The log. Metadata holds the identity of the event, its time, actor, project and command.
CREATE TABLE events (
    position      INTEGER PRIMARY KEY,
    stream_key    INTEGER NOT NULL REFERENCES streams (stream_key),
    sequence      INTEGER NOT NULL,
    event_type    TEXT NOT NULL,
    event_version INTEGER NOT NULL,
    payload       TEXT NOT NULL,
    metadata      TEXT NOT NULL,
    UNIQUE (stream_key, sequence)
) STRICT;

-- What was answered under each key, so that a repeat gets the same.
CREATE TABLE idempotency_keys (
    key         TEXT PRIMARY KEY NOT NULL,
    fingerprint BLOB NOT NULL,
    position    INTEGER NOT NULL,
    answer      TEXT NOT NULL
) STRICT;

-- At some positions, the latest time that any event up to there was recorded at, in microseconds since 1970. Times
-- of events may step back with the clock; this one never does, so it can be searched. Derived from events.
CREATE TABLE instants (
    latest_recorded_at_micros INTEGER NOT NULL,
    position                  INTEGER NOT NULL,
    PRIMARY KEY (latest_recorded_at_micros, position)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER streams_are_not_updated BEFORE UPDATE ON streams
BEGIN SELECT raise(ABORT, 'streams are never updated'); END;

CREATE TRIGGER streams_are_not_deleted BEFORE DELETE ON streams
BEGIN SELECT raise(ABORT, 'streams are never deleted'); END;

CREATE TRIGGER events_are_not_updated BEFORE UPDATE ON events
BEGIN SELECT raise(ABORT, 'events are never updated: what was recorded is history'); END;

CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
BEGIN SELECT raise(ABORT, 'events are never deleted: what was recorded is history'); END;

CREATE TRIGGER idempotency_keys_are_not_updated BEFORE UPDATE ON idempotency_keys
BEGIN SELECT raise(ABORT, 'idempotency keys are never updated'); END;

CREATE TRIGGER idempotency_keys_are_not_deleted BEFORE DELETE ON idempotency_keys
BEGIN SELECT raise(ABORT, 'idempotency keys are never deleted'); END;

-- For operators: SELECT * FROM event_log WHERE aggregate_type = 'task' ORDER BY position DESC LIMIT 20;
CREATE VIEW event_log AS
SELECT
    events.position,
    streams.aggregate_type,
    streams.aggregate_id,
    events.sequence,
    events.event_type,
    events.event_version,
    events.payload,
    events.metadata,
    events.metadata ->> 'recordedAt' AS recorded_at
FROM events JOIN streams USING (stream_key);
