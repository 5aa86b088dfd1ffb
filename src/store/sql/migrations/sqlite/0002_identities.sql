-- The accounts at other providers that users sign in with. `key` is the SHA-256 of issuer and
-- subject, each preceded by its length in eight bytes, big-endian: it is compared by bytes.

CREATE TABLE admittance_user_identities (
    user_id text NOT NULL REFERENCES admittance_users (id) ON DELETE CASCADE,
    id text NOT NULL CHECK (length(id) = 24),
    key blob NOT NULL CHECK (length(key) = 32),
    provider text NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    email text,
    created_at integer NOT NULL,
    last_used_at integer NOT NULL,
    PRIMARY KEY (user_id, id)
) STRICT;
CREATE UNIQUE INDEX admittance_user_identities_key ON admittance_user_identities (key);

ALTER TABLE admittance_tokens ADD COLUMN federation text;

UPDATE admittance_meta SET value = '2' WHERE key = 'schema';
