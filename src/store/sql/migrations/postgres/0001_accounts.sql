-- The tables of accounts. Times are milliseconds since 1970-01-01T00:00:00Z; ids are 24
-- hexadecimal digits, compared by bytes. The sweep uses `expiry_hour`, because
-- an index on the exact time would change with each update of the row.

CREATE TABLE admittance_meta (
    key text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE admittance_users (
    id text COLLATE "C" PRIMARY KEY CHECK (length(id) = 24),
    email text NOT NULL,
    email_canonical text COLLATE "C" NOT NULL,
    name text NOT NULL,
    password_hash text,
    created_at bigint NOT NULL,
    last_login bigint,
    is_verified boolean NOT NULL,
    preferences json NOT NULL,
    metadata json NOT NULL,
    pending_hook json,
    status text NOT NULL,
    auth_epoch bigint NOT NULL CHECK (auth_epoch >= 0),
    link_epoch bigint NOT NULL CHECK (link_epoch >= 0),
    version bigint NOT NULL CHECK (version >= 0),
    devices text NOT NULL
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX admittance_users_email ON admittance_users (email_canonical);

CREATE TABLE admittance_user_roles (
    user_id text COLLATE "C" NOT NULL REFERENCES admittance_users (id) ON DELETE CASCADE,
    role text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, role)
);
CREATE INDEX admittance_user_roles_role ON admittance_user_roles (role, user_id);

CREATE TABLE admittance_sessions (
    id text COLLATE "C" PRIMARY KEY CHECK (length(id) = 24),
    user_id text COLLATE "C" NOT NULL,
    auth_epoch bigint NOT NULL,
    created_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    absolute_expires_at bigint NOT NULL,
    is_short boolean NOT NULL,
    proofs json NOT NULL,
    refresh_counter bigint NOT NULL,
    ip text,
    user_agent text,
    rotation text,
    ended_at bigint,
    expiry_hour bigint GENERATED ALWAYS AS (expires_at / 3600000) STORED
) WITH (fillfactor = 80);
CREATE INDEX admittance_sessions_user ON admittance_sessions (user_id, id);
CREATE INDEX admittance_sessions_expiry ON admittance_sessions (expiry_hour);

CREATE TABLE admittance_tokens (
    digest bytea PRIMARY KEY,
    purpose text NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    account_email text NOT NULL,
    auth_epoch bigint,
    link_epoch bigint NOT NULL,
    email text NOT NULL,
    email_canonical text NOT NULL,
    registration json,
    sign_in json,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX admittance_tokens_user ON admittance_tokens (user_id, created_at);
CREATE INDEX admittance_tokens_expiry ON admittance_tokens (expires_at);

CREATE TABLE admittance_limits (
    key bytea PRIMARY KEY,
    used bigint NOT NULL CHECK (used >= 0),
    full_at bigint NOT NULL,
    expiry_hour bigint GENERATED ALWAYS AS (full_at / 3600000) STORED
) WITH (fillfactor = 50);
CREATE INDEX admittance_limits_expiry ON admittance_limits (expiry_hour);

CREATE TABLE admittance_attempts (
    key bytea PRIMARY KEY,
    count bigint NOT NULL CHECK (count BETWEEN 0 AND 4294967295),
    open_at bigint NOT NULL,
    forgotten_at bigint NOT NULL,
    last_at bigint NOT NULL,
    is_allowed boolean NOT NULL,
    expiry_hour bigint GENERATED ALWAYS AS (forgotten_at / 3600000) STORED
) WITH (fillfactor = 50);
CREATE INDEX admittance_attempts_expiry ON admittance_attempts (expiry_hour);

CREATE TABLE admittance_audit_log (
    id text COLLATE "C" PRIMARY KEY CHECK (length(id) = 24),
    last_id text COLLATE "C" NOT NULL,
    count bigint NOT NULL CHECK (count >= 0),
    user_id text COLLATE "C" NOT NULL,
    class text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    operation text NOT NULL,
    refused text,
    notices json NOT NULL,
    actor_id text,
    session_id text,
    mail text,
    ip text,
    user_agent text,
    expires_at bigint NOT NULL
);
CREATE INDEX admittance_audit_log_user ON admittance_audit_log (user_id, id);
CREATE INDEX admittance_audit_log_class ON admittance_audit_log (user_id, class, id);
CREATE INDEX admittance_audit_log_expiry ON admittance_audit_log (expires_at);

-- Counts one act in all budgets or in none. Returns 0 if the act is allowed, else the wait in
-- milliseconds. The arrays have the key, the window and the period of each budget,
-- in milliseconds. The rule is that of `Quota::decide` and `decide_all` in src/limit.rs.
CREATE FUNCTION admittance_hit_all_1(
    keys bytea[], windows bigint[], periods bigint[], present bigint, skew bigint, latest bigint
) RETURNS bigint
LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$
DECLARE
    wanted bigint := (SELECT count(DISTINCT k) FROM unnest(keys) AS k);
    locked bigint;
    wait bigint;
    is_written boolean;
    tries integer := 0;
BEGIN
    LOOP
        -- In the order of the keys, to prevent deadlocks.
        INSERT INTO admittance_limits (key, used, full_at)
            SELECT DISTINCT k, 0::bigint, present FROM unnest(keys) AS k ORDER BY k
            ON CONFLICT (key) DO NOTHING;
        PERFORM 1 FROM admittance_limits WHERE key = ANY (keys) ORDER BY key FOR UPDATE;
        GET DIAGNOSTICS locked = ROW_COUNT;
        -- A sweep may remove an existing row between the insertion and the lock.
        EXIT WHEN locked >= wanted;
        tries := tries + 1;
        -- A trigger may skip it each time.
        IF tries >= 100 THEN
            RAISE EXCEPTION 'the budgets were not written';
        END IF;
    END LOOP;
    -- A separate statement, which sees the changes that the ones above waited for.
    WITH hit AS (
        SELECT k AS key, w AS window_ms, p AS period_ms
            FROM unnest(keys, windows, periods) AS h (k, w, p)
    ), held AS (
        SELECT l.key, window_ms, period_ms, l.full_at AS kept,
            LEAST(l.used, GREATEST(l.full_at - present, 0), window_ms) AS used,
            LEAST(GREATEST(l.full_at - l.used, present), present + skew) AS since
            FROM hit JOIN admittance_limits AS l ON l.key = hit.key
    ), counted AS (
        SELECT key, window_ms, period_ms, kept, used, LEAST(since + used, latest) AS full_at,
            used + period_ms <= window_ms AS has_room
            FROM held
    ), decided AS (
        SELECT *, bool_and(has_room) OVER () AS is_allowed FROM counted
    ), written AS (
        UPDATE admittance_limits AS l SET
            used = CASE WHEN d.is_allowed THEN d.used + d.period_ms ELSE d.used END,
            full_at = CASE WHEN d.is_allowed THEN LEAST(d.full_at + d.period_ms, latest)
                ELSE d.full_at END
            FROM decided AS d
            WHERE l.key = d.key AND (d.is_allowed OR (NOT d.has_room AND d.full_at < d.kept))
            RETURNING l.key
    )
    SELECT max(GREATEST(full_at - present, used, 0) + period_ms - window_ms)
            FILTER (WHERE NOT has_room),
        count(DISTINCT key) FILTER (WHERE is_allowed OR (NOT has_room AND full_at < kept))
            = (SELECT count(*) FROM written)
        INTO wait, is_written FROM decided;
    IF NOT is_written THEN
        RAISE EXCEPTION 'the budgets were not written';
    END IF;
    RETURN COALESCE(wait, 0);
END
$$;

INSERT INTO admittance_meta (key, value) VALUES ('schema', '1');
