-- Roles for a log in PostgreSQL, each with the rights that it needs and no others.
--
-- Run it as a superuser in the database of the log, once its tables are there, and again after a new version of Mission Control
-- has changed the tables. It can be run any number of times:
--
--   psql -v ON_ERROR_STOP=1 -d missions -f docs/postgres-roles.sql
--
-- Give each role that is used a password (\password mission_control_server) or another way to log in (pg_hba.conf).

DO $$
DECLARE
    wanted text;
    -- Owns the tables: migrates them, restores, copies. Not for servers: it may drop what guards the log.
    -- Runs servers: reads, and appends by the functions that keep the order.
    -- Another service on cqrs-es and postgres-es: inserts events, each of which gets its place by a trigger.
    -- Reads: backup, verify-db, queries by hand.
    roles text[] := ARRAY[
        'mission_control_owner', 'mission_control_server', 'mission_control_writer', 'mission_control_auditor'
    ];
BEGIN
    FOREACH wanted IN ARRAY roles LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I LOGIN', wanted);
        EXCEPTION WHEN duplicate_object THEN
            NULL;
        END;
    END LOOP;
END
$$;

-- Nobody else makes tables and functions beside those of the log.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO mission_control_owner;
GRANT USAGE ON SCHEMA public TO mission_control_server, mission_control_writer, mission_control_auditor;

-- The functions that append do it with the rights of their owner.
DO $$
DECLARE
    part record;
BEGIN
    FOR part IN
        SELECT 'TABLE' AS kind, oid::regclass::text AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
            AND relname IN ('events', 'mc_schema', 'mc_head', 'mc_idempotency_keys', 'mc_unfinished')
        UNION ALL
        SELECT 'VIEW', 'public.event_log'
        UNION ALL
        SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'mc\_%'
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO mission_control_owner', part.kind, part.name);
    END LOOP;
END
$$;

GRANT SELECT ON events, event_log, mc_schema, mc_head, mc_idempotency_keys, mc_unfinished
    TO mission_control_server, mission_control_auditor;
GRANT EXECUTE ON FUNCTION mc_append, mc_fence, mc_lead TO mission_control_server;

-- The seven columns of postgres-es. Position and time are not the writer's to give.
GRANT SELECT ON events TO mission_control_writer;
GRANT INSERT (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) ON events
    TO mission_control_writer;
