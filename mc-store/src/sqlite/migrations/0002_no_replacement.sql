-- INSERT OR REPLACE removes the row that is in its way without asking the triggers on DELETE. What is there already is
-- in nobody's way.
CREATE TRIGGER streams_are_not_replaced BEFORE INSERT ON streams
WHEN EXISTS (SELECT 1 FROM streams WHERE stream_key = NEW.stream_key)
    OR EXISTS (SELECT 1 FROM streams WHERE aggregate_type = NEW.aggregate_type AND aggregate_id = NEW.aggregate_id)
BEGIN SELECT raise(ABORT, 'streams are never replaced'); END;

CREATE TRIGGER events_are_not_replaced BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE position = NEW.position)
    OR EXISTS (SELECT 1 FROM events WHERE stream_key = NEW.stream_key AND sequence = NEW.sequence)
BEGIN SELECT raise(ABORT, 'events are never replaced: what was recorded is history'); END;

CREATE TRIGGER idempotency_keys_are_not_replaced BEFORE INSERT ON idempotency_keys
WHEN EXISTS (SELECT 1 FROM idempotency_keys WHERE key = NEW.key)
BEGIN SELECT raise(ABORT, 'idempotency keys are never replaced'); END;
