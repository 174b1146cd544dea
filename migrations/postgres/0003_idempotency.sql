-- Requests that carry an Idempotency-Key: those under way, and what those that are done were answered with.

CREATE TABLE idempotency_keys (
    principal TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done')),
    lease_no BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    fingerprint TEXT,
    status BIGINT,
    sealed_reply BYTEA,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (principal, key),
    CHECK ((state = 'done') = (fingerprint IS NOT NULL AND status IS NOT NULL AND sealed_reply IS NOT NULL))
);
CREATE INDEX idempotency_keys_by_end ON idempotency_keys (expires_at);
