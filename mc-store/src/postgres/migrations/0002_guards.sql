-- What keeps the log in order, whoever writes to it.

-- The locks of this log. They are of the database; the second number tells the logs of several schemas apart.
CREATE FUNCTION mc_lock_number() RETURNS integer
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT 'mc_head'::regclass::oid::bigint::bit(32)::integer
$$;

-- Takes the ordering lock until the transaction ends: commits follow one another in the order of positions.
CREATE FUNCTION mc_order() RETURNS void
LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
    SELECT pg_advisory_xact_lock(1, mc_lock_number())
$$;

-- Tells every node that the log has moved.
CREATE FUNCTION mc_announce(head bigint) RETURNS void
LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
    SELECT pg_notify('mc_log_' || mc_lock_number(), head::text)
$$;

-- Appends a group of commits, and answers 'appended'. Appends nothing, and answers why, when the log is not at the position
-- and in the generation that the node knows or a newer lease was given ('moved'), when a stream that the node does not know is
-- at another version than a commit expects, or a key was used before ('unexpected').
CREATE FUNCTION mc_append(
    known_position bigint, known_generation bigint, needed_lease bigint,
    types text[], ids text[], sequences bigint[], event_types text[], event_versions text[],
    payloads text[], metadata text[], times timestamptz[],
    checked_types text[], checked_ids text[], checked_versions bigint[],
    keys text[], fingerprints bytea[], key_positions bigint[], answers text[]
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    added integer := cardinality(types);
    -- What mc_lock_number() gives, without the price of a call.
    log_number integer := 'mc_head'::regclass::oid::bigint::bit(32)::integer;
BEGIN
    PERFORM pg_advisory_xact_lock(1, log_number);
    IF cardinality(checked_types) > 0 AND EXISTS (
        SELECT FROM unnest(checked_types, checked_ids, checked_versions) AS checked (type, id, version)
        WHERE checked.version <> coalesce((
            SELECT max(sequence) FROM events WHERE aggregate_type = checked.type AND aggregate_id = checked.id
        ), 0)
    ) OR cardinality(keys) > 0 AND EXISTS (SELECT FROM mc_idempotency_keys AS used WHERE used.key = ANY (keys)) THEN
        RETURN 'unexpected';
    END IF;
    UPDATE mc_head SET position = known_position + added, latest_at = greatest(latest_at, times[added])
    WHERE position = known_position AND generation = known_generation AND (needed_lease < lease) IS NOT TRUE;
    IF NOT FOUND THEN
        RETURN 'moved';
    END IF;
    IF cardinality(keys) > 0 THEN
        INSERT INTO mc_idempotency_keys (key, fingerprint, position, answer)
        SELECT * FROM unnest(keys, fingerprints, key_positions, answers);
    END IF;
    IF added > 0 THEN
        INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
            latest_at, position)
        SELECT type, id, sequence, event_type, event_version, payload::json, event_metadata::json,
            at, known_position + number
        FROM unnest(types, ids, sequences, event_types, event_versions, payloads, metadata, times)
            WITH ORDINALITY AS event (type, id, sequence, event_type, event_version, payload, event_metadata, at, number);
        -- Every node holds this lock together with the others; who gets it alone has nobody to notify.
        IF NOT pg_try_advisory_xact_lock(5, log_number) THEN
            PERFORM pg_notify('mc_log_' || log_number, (known_position + added)::text);
        END IF;
    END IF;
    RETURN 'appended';
END
$$;

-- Makes void whatever a node may have sent over a connection that broke, and tells where the log ends.
CREATE FUNCTION mc_fence() RETURNS mc_head
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    head mc_head;
BEGIN
    PERFORM mc_order();
    UPDATE mc_head SET generation = generation + 1 RETURNING * INTO head;
    RETURN head;
END
$$;

-- Gives the next lease to the node that has begun to lead.
CREATE FUNCTION mc_lead() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    given bigint;
BEGIN
    PERFORM mc_order();
    UPDATE mc_head SET lease = lease + 1 RETURNING lease INTO given;
    RETURN given;
END
$$;

-- The metadata of an event of another service, with what the log needs and the service did not give. All values are strings,
-- as cqrs-es wants them. What nobody could read afterwards is refused.
CREATE FUNCTION mc_completed(given json) RETURNS json
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    metadata jsonb := given;
    actor jsonb;
BEGIN
    IF jsonb_typeof(metadata) <> 'object'
        OR EXISTS (SELECT FROM jsonb_each(metadata) WHERE jsonb_typeof(value) <> 'string')
    THEN
        RAISE check_violation USING MESSAGE = 'the metadata of an event is an object of strings';
    END IF;
    actor := coalesce((metadata ->> 'actor')::jsonb, jsonb_build_object('type', 'system', 'id', session_user));
    IF (actor ->> 'type') IS NULL OR (actor ->> 'type') NOT IN ('human', 'agent', 'system') OR (actor ->> 'id') IS NULL
        OR (actor ->> 'type' = 'agent' AND (actor ->> 'id')::uuid IS NULL)
    THEN
        RAISE check_violation USING MESSAGE = 'the actor of an event is {"type": "human", "agent" or "system", "id": …}';
    END IF;
    RETURN metadata || jsonb_strip_nulls(jsonb_build_object(
        'eventId', gen_random_uuid(),
        'recordedAt', to_char(
            coalesce((metadata ->> 'recordedAt')::timestamptz, clock_timestamp()) AT TIME ZONE 'UTC',
            'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
        ),
        'actor', actor::text,
        'commandId', coalesce((metadata ->> 'commandId')::uuid, gen_random_uuid()),
        'project', (metadata ->> 'project')::uuid,
        'credential', (metadata ->> 'credential')::uuid
    ));
EXCEPTION WHEN data_exception THEN
    RAISE check_violation USING MESSAGE = 'the metadata of the event cannot be read: ' || SQLERRM;
END
$$;

-- Gives an event of another service its place, under the ordering lock. It must be the next of its stream.
CREATE FUNCTION mc_place() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    last bigint;
BEGIN
    PERFORM mc_order();
    SELECT coalesce(max(sequence), 0) INTO last FROM events
    WHERE aggregate_type = NEW.aggregate_type AND aggregate_id = NEW.aggregate_id;
    IF NEW.sequence <= last THEN
        RAISE unique_violation USING MESSAGE =
            format('stream %s-%s is at version %s already', NEW.aggregate_type, NEW.aggregate_id, last);
    ELSIF NEW.sequence > last + 1 THEN
        RAISE check_violation USING MESSAGE =
            format('stream %s-%s is at version %s, so %s cannot come next', NEW.aggregate_type, NEW.aggregate_id, last, NEW.sequence);
    END IF;
    IF NEW.event_version !~ '^[0-9]{1,9}(\.[0-9]+)*$' THEN
        RAISE check_violation USING MESSAGE = 'the version of an event begins with a whole number';
    END IF;
    -- postgres-es puts a space before the JSON that it binds.
    NEW.payload := ltrim(NEW.payload::text)::json;
    NEW.metadata := mc_completed(NEW.metadata);
    UPDATE mc_head
    SET position = position + 1, latest_at = greatest(latest_at, (NEW.metadata ->> 'recordedAt')::timestamptz)
    RETURNING position, latest_at INTO NEW.position, NEW.latest_at;
    PERFORM mc_announce(NEW.position);
    RETURN NEW;
END
$$;

CREATE TRIGGER events_are_placed BEFORE INSERT ON events
FOR EACH ROW WHEN (NEW.position IS NULL) EXECUTE FUNCTION mc_place();

CREATE FUNCTION mc_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE restrict_violation USING MESSAGE = TG_ARGV[0];
END
$$;

CREATE TRIGGER events_are_not_updated BEFORE UPDATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION mc_refuse('events are never updated: what was recorded is history');

CREATE TRIGGER events_are_not_deleted BEFORE DELETE OR TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION mc_refuse('events are never deleted: what was recorded is history');

CREATE TRIGGER keys_are_not_updated BEFORE UPDATE ON mc_idempotency_keys
FOR EACH STATEMENT EXECUTE FUNCTION mc_refuse('idempotency keys are never updated');

CREATE TRIGGER keys_are_not_deleted BEFORE DELETE OR TRUNCATE ON mc_idempotency_keys
FOR EACH STATEMENT EXECUTE FUNCTION mc_refuse('idempotency keys are never deleted');

CREATE TRIGGER head_only_moves_forward BEFORE UPDATE ON mc_head FOR EACH ROW
WHEN (NEW.position < OLD.position OR NEW.generation < OLD.generation OR NEW.lease < OLD.lease)
EXECUTE FUNCTION mc_refuse('the head of the log only moves forward');

CREATE TRIGGER head_is_not_deleted BEFORE DELETE OR TRUNCATE ON mc_head
FOR EACH STATEMENT EXECUTE FUNCTION mc_refuse('the head of the log is never deleted');

-- Only the functions above change the head and give positions. Who may call them is for GRANT to say.
REVOKE ALL ON FUNCTION mc_append, mc_fence, mc_lead FROM PUBLIC;
