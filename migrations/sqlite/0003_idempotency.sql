-- Requests that carry an Idempotency-Key: those under way, and what those that are done were answered with.

CREATE TABLE idempotency_keys (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done')),
    lease_no INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    fingerprint TEXT,
    status INTEGER,
    sealed_reply BLOB,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (principal, key),
    CHECK ((state = 'done') = (fingerprint IS NOT NULL AND status IS NOT NULL AND sealed_reply IS NOT NULL))
) STRICT;
CREATE INDEX idempotency_keys_by_end ON idempotency_keys (expires_at);
