-- The tables of accounts. Times are milliseconds since 1970-01-01T00:00:00Z; ids are 24
-- hexadecimal digits, compared by bytes. The sweep uses `expiry_hour`, because
-- an index on the exact time would change with each update of the row.

CREATE TABLE admittance_meta (
    key text NOT NULL PRIMARY KEY,
    value text NOT NULL
) STRICT;

CREATE TABLE admittance_users (
    id text NOT NULL PRIMARY KEY CHECK (length(id) = 24),
    email text NOT NULL,
    email_canonical text NOT NULL,
    name text NOT NULL,
    password_hash text,
    created_at integer NOT NULL,
    last_login integer,
    is_verified integer NOT NULL,
    preferences text NOT NULL,
    metadata text NOT NULL,
    pending_hook text,
    status text NOT NULL,
    auth_epoch integer NOT NULL CHECK (auth_epoch >= 0),
    link_epoch integer NOT NULL CHECK (link_epoch >= 0),
    version integer NOT NULL CHECK (version >= 0),
    devices text NOT NULL
) STRICT;
CREATE UNIQUE INDEX admittance_users_email ON admittance_users (email_canonical);

CREATE TABLE admittance_user_roles (
    user_id text NOT NULL REFERENCES admittance_users (id) ON DELETE CASCADE,
    role text NOT NULL,
    PRIMARY KEY (user_id, role)
) STRICT;
CREATE INDEX admittance_user_roles_role ON admittance_user_roles (role, user_id);

CREATE TABLE admittance_sessions (
    id text NOT NULL PRIMARY KEY CHECK (length(id) = 24),
    user_id text NOT NULL,
    auth_epoch integer NOT NULL,
    created_at integer NOT NULL,
    last_seen_at integer NOT NULL,
    expires_at integer NOT NULL,
    absolute_expires_at integer NOT NULL,
    is_short integer NOT NULL,
    proofs text NOT NULL,
    refresh_counter integer NOT NULL,
    ip text,
    user_agent text,
    rotation text,
    ended_at integer,
    expiry_hour integer GENERATED ALWAYS AS (expires_at / 3600000) STORED
) STRICT;
CREATE INDEX admittance_sessions_user ON admittance_sessions (user_id, id);
CREATE INDEX admittance_sessions_expiry ON admittance_sessions (expiry_hour);

CREATE TABLE admittance_tokens (
    digest blob NOT NULL PRIMARY KEY,
    purpose text NOT NULL,
    user_id text NOT NULL,
    account_email text NOT NULL,
    auth_epoch integer,
    link_epoch integer NOT NULL,
    email text NOT NULL,
    email_canonical text NOT NULL,
    registration text,
    sign_in text,
    created_at integer NOT NULL,
    expires_at integer NOT NULL
) STRICT;
CREATE INDEX admittance_tokens_user ON admittance_tokens (user_id, created_at);
CREATE INDEX admittance_tokens_expiry ON admittance_tokens (expires_at);

CREATE TABLE admittance_limits (
    key blob NOT NULL PRIMARY KEY,
    used integer NOT NULL CHECK (used >= 0),
    full_at integer NOT NULL,
    expiry_hour integer GENERATED ALWAYS AS (full_at / 3600000) STORED
) STRICT;
CREATE INDEX admittance_limits_expiry ON admittance_limits (expiry_hour);

CREATE TABLE admittance_attempts (
    key blob NOT NULL PRIMARY KEY,
    count integer NOT NULL CHECK (count BETWEEN 0 AND 4294967295),
    open_at integer NOT NULL,
    forgotten_at integer NOT NULL,
    last_at integer NOT NULL,
    is_allowed integer NOT NULL,
    expiry_hour integer GENERATED ALWAYS AS (forgotten_at / 3600000) STORED
) STRICT;
CREATE INDEX admittance_attempts_expiry ON admittance_attempts (expiry_hour);

CREATE TABLE admittance_audit_log (
    id text NOT NULL PRIMARY KEY CHECK (length(id) = 24),
    last_id text NOT NULL,
    count integer NOT NULL CHECK (count >= 0),
    user_id text NOT NULL,
    class text NOT NULL,
    at integer NOT NULL,
    operation text NOT NULL,
    refused text,
    notices text NOT NULL,
    actor_id text,
    session_id text,
    mail text,
    ip text,
    user_agent text,
    expires_at integer NOT NULL
) STRICT;
CREATE INDEX admittance_audit_log_user ON admittance_audit_log (user_id, id);
CREATE INDEX admittance_audit_log_class ON admittance_audit_log (user_id, class, id);
CREATE INDEX admittance_audit_log_expiry ON admittance_audit_log (expires_at);

INSERT INTO admittance_meta (key, value) VALUES ('schema', '1');
