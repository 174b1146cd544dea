-- People, machine clients, the queue, and the record of what was done.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'builder', 'agent', 'auditor')),
    password_hash TEXT,
    state TEXT NOT NULL CHECK (state IN ('invited', 'active', 'disabled')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    signed_in_at INTEGER,
    CONSTRAINT users_email_key UNIQUE (email)
) STRICT;

-- One-time links: the first set-up of an installation (no user) and invitations.
CREATE TABLE setup_links (
    code_hash TEXT PRIMARY KEY,
    user_id TEXT REFERENCES users (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;

CREATE TABLE sessions (
    key_hash TEXT PRIMARY KEY,
    user_id TEXT REFERENCES users (id),
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE personal_tokens (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    secret_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    used_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX personal_tokens_by_user ON personal_tokens (user_id);

-- Facts that others react to. The id is derived from what the event is about, so nothing is announced twice.
CREATE TABLE events (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    data TEXT NOT NULL,
    occurred_at INTEGER NOT NULL
) STRICT;
CREATE INDEX events_by_time ON events (occurred_at, id);

-- Append-only. `number` and the hashes are set later, in order, by the chaining job.
CREATE TABLE audit_entries (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT,
    detail TEXT NOT NULL,
    address TEXT,
    request_id TEXT,
    number INTEGER,
    previous_hash TEXT,
    hash TEXT
) STRICT;
CREATE UNIQUE INDEX audit_entries_by_number ON audit_entries (number);
CREATE INDEX audit_entries_unchained ON audit_entries (id) WHERE number IS NULL;
CREATE INDEX audit_entries_by_target ON audit_entries (target_id, action, at);

-- Work to do. `losses` counts leases lost beside other work, `strikes` what counts against the job itself.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    lane TEXT NOT NULL,
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'held')),
    run_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    losses INTEGER NOT NULL,
    strikes INTEGER NOT NULL,
    is_alone INTEGER NOT NULL,
    lease_owner TEXT,
    lease_until INTEGER,
    lease_no INTEGER NOT NULL,
    unique_key TEXT,
    last_error TEXT
) STRICT;
CREATE INDEX jobs_due ON jobs (is_alone, lane, run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_running ON jobs (lane) WHERE state = 'running';
CREATE INDEX jobs_held ON jobs (id) WHERE state = 'held';
CREATE UNIQUE INDEX jobs_single ON jobs (unique_key) WHERE state = 'queued';

-- When each recurring job comes next.
CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    next_at INTEGER NOT NULL
) STRICT;
