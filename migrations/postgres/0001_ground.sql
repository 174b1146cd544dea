-- People, machine clients, the queue, and the record of what was done.

CREATE TABLE users (
    id TEXT COLLATE "C" PRIMARY KEY,
    email TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'builder', 'agent', 'auditor')),
    password_hash TEXT,
    state TEXT NOT NULL CHECK (state IN ('invited', 'active', 'disabled')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    signed_in_at BIGINT,
    CONSTRAINT users_email_key UNIQUE (email)
);

-- One-time links: the first set-up of an installation (no user) and invitations.
CREATE TABLE setup_links (
    code_hash TEXT COLLATE "C" PRIMARY KEY,
    user_id TEXT COLLATE "C" REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE sessions (
    key_hash TEXT COLLATE "C" PRIMARY KEY,
    user_id TEXT COLLATE "C" REFERENCES users (id),
    data TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE personal_tokens (
    id TEXT COLLATE "C" PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    secret_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX personal_tokens_by_user ON personal_tokens (user_id);

-- Facts that others react to. The id is derived from what the event is about, so nothing is announced twice.
CREATE TABLE events (
    id TEXT COLLATE "C" PRIMARY KEY,
    type TEXT NOT NULL,
    subject_id TEXT COLLATE "C" NOT NULL,
    data TEXT NOT NULL,
    occurred_at BIGINT NOT NULL
);
CREATE INDEX events_by_time ON events (occurred_at, id);

-- Append-only. `number` and the hashes are set later, in order, by the chaining job.
CREATE TABLE audit_entries (
    id TEXT COLLATE "C" PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT COLLATE "C",
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT COLLATE "C",
    detail TEXT NOT NULL,
    address TEXT,
    request_id TEXT,
    number BIGINT,
    previous_hash TEXT,
    hash TEXT
);
CREATE UNIQUE INDEX audit_entries_by_number ON audit_entries (number);
CREATE INDEX audit_entries_unchained ON audit_entries (id) WHERE number IS NULL;
CREATE INDEX audit_entries_by_target ON audit_entries (target_id, action, at);

-- Work to do. `losses` counts leases lost beside other work, `strikes` what counts against the job itself.
CREATE TABLE jobs (
    id TEXT COLLATE "C" PRIMARY KEY,
    lane TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'held')),
    run_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    losses BIGINT NOT NULL,
    strikes BIGINT NOT NULL,
    is_alone BOOLEAN NOT NULL,
    lease_owner TEXT COLLATE "C",
    lease_until BIGINT,
    lease_no BIGINT NOT NULL,
    unique_key TEXT COLLATE "C",
    last_error TEXT
-- A row lives for seconds: clean up by count, not by share of the table, so that dead rows never slow a claim.
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 10000
);
CREATE INDEX jobs_due ON jobs (is_alone, lane, run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_running ON jobs (lane) WHERE state = 'running';
CREATE INDEX jobs_held ON jobs (id) WHERE state = 'held';
CREATE UNIQUE INDEX jobs_single ON jobs (unique_key) WHERE state = 'queued';

-- When each recurring job comes next.
CREATE TABLE schedules (
    name TEXT COLLATE "C" PRIMARY KEY,
    next_at BIGINT NOT NULL
);
