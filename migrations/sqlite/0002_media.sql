-- Where files come from, where they must go, and how far they are.

CREATE TABLE endpoints (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    settings TEXT NOT NULL,
    sealed_secrets BLOB NOT NULL,
    archive TEXT NOT NULL CHECK (archive IN ('none', 'tar', 'tar.gz', 'tar.zst')),
    state TEXT NOT NULL CHECK (state IN ('active', 'paused')),
    last_error TEXT,
    failing_since INTEGER,
    delivered_at INTEGER,
    checked_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    CONSTRAINT endpoints_id__type_key UNIQUE (id, type)
) STRICT;
CREATE UNIQUE INDEX endpoints_name_key ON endpoints (name) WHERE deleted_at IS NULL;

CREATE TABLE use_cases (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT use_cases_name_key UNIQUE (name)
) STRICT;

-- The type stands here as well, held equal by the foreign key, so that the database itself can refuse recordings for
-- the types that take pictures only.
CREATE TABLE use_case_endpoints (
    use_case_id TEXT NOT NULL REFERENCES use_cases (id),
    endpoint_id TEXT NOT NULL,
    endpoint_type TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('pictures', 'recordings', 'other')),
    PRIMARY KEY (use_case_id, purpose, endpoint_id),
    FOREIGN KEY (endpoint_id, endpoint_type) REFERENCES endpoints (id, type),
    CHECK (purpose = 'pictures' OR endpoint_type NOT IN ('email', 'https'))
) STRICT;
CREATE INDEX use_case_endpoints_by_endpoint ON use_case_endpoints (endpoint_id, purpose);

CREATE TABLE apps (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    default_use_case_id TEXT REFERENCES use_cases (id),
    created_at INTEGER NOT NULL,
    CONSTRAINT apps_name_key UNIQUE (name)
) STRICT;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id),
    secret_hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE INDEX api_keys_by_app ON api_keys (app_id);

CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id),
    external_id TEXT,
    use_case_id TEXT REFERENCES use_cases (id),
    channel TEXT,
    customer TEXT,
    agent TEXT,
    attributes TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'ended')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    ended_at INTEGER,
    CONSTRAINT conversations_app_id__external_id_key UNIQUE (app_id, external_id)
) STRICT;

CREATE TABLE media (
    id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES apps (id),
    conversation_id TEXT NOT NULL REFERENCES conversations (id),
    kind TEXT NOT NULL,
    file_name TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    extension TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('fetching', 'stored', 'failed', 'deleted')),
    captured_at INTEGER,
    latitude REAL,
    longitude REAL,
    origin TEXT,
    note TEXT,
    is_damaged INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    deleted_at INTEGER
) STRICT;
CREATE INDEX media_by_app ON media (app_id, id);
CREATE INDEX media_by_conversation ON media (conversation_id, id);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    media_id TEXT NOT NULL REFERENCES media (id),
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id),
    state TEXT NOT NULL
        CHECK (state IN ('queued', 'sending', 'verifying', 'delivered', 'retrying', 'held', 'cancelled')),
    held_reason TEXT CHECK (held_reason IN ('conflict', 'too_large', 'rejected', 'poison')),
    attempts INTEGER NOT NULL,
    location TEXT,
    last_error TEXT,
    next_attempt_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    delivered_at INTEGER,
    CONSTRAINT deliveries_media_id__endpoint_id_key UNIQUE (media_id, endpoint_id),
    CHECK ((state = 'held') = (held_reason IS NOT NULL))
) STRICT;
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_by_state ON deliveries (state, id);
CREATE INDEX deliveries_by_endpoint_state ON deliveries (endpoint_id, state, id);

CREATE TABLE delivery_attempts (
    delivery_id TEXT NOT NULL REFERENCES deliveries (id),
    number INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    message TEXT,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    PRIMARY KEY (delivery_id, number)
) STRICT;
