-- Where files come from, where they must go, and how far they are.

CREATE TABLE endpoints (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C" NOT NULL,
    settings TEXT NOT NULL,
    sealed_secrets BYTEA NOT NULL,
    archive TEXT NOT NULL CHECK (archive IN ('none', 'tar', 'tar.gz', 'tar.zst')),
    state TEXT NOT NULL CHECK (state IN ('active', 'paused')),
    last_error TEXT,
    failing_since BIGINT,
    delivered_at BIGINT,
    checked_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    CONSTRAINT endpoints_id__type_key UNIQUE (id, type)
);
CREATE UNIQUE INDEX endpoints_name_key ON endpoints (name) WHERE deleted_at IS NULL;

CREATE TABLE use_cases (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT use_cases_name_key UNIQUE (name)
);

-- The type stands here as well, held equal by the foreign key, so that the database itself can refuse recordings for
-- the types that take pictures only.
CREATE TABLE use_case_endpoints (
    use_case_id TEXT COLLATE "C" NOT NULL REFERENCES use_cases (id),
    endpoint_id TEXT COLLATE "C" NOT NULL,
    endpoint_type TEXT COLLATE "C" NOT NULL,
    purpose TEXT COLLATE "C" NOT NULL CHECK (purpose IN ('pictures', 'recordings', 'other')),
    PRIMARY KEY (use_case_id, purpose, endpoint_id),
    FOREIGN KEY (endpoint_id, endpoint_type) REFERENCES endpoints (id, type),
    CHECK (purpose = 'pictures' OR endpoint_type NOT IN ('email', 'https'))
);
CREATE INDEX use_case_endpoints_by_endpoint ON use_case_endpoints (endpoint_id, purpose);

CREATE TABLE apps (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    default_use_case_id TEXT COLLATE "C" REFERENCES use_cases (id),
    created_at BIGINT NOT NULL,
    CONSTRAINT apps_name_key UNIQUE (name)
);

CREATE TABLE api_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    app_id TEXT COLLATE "C" NOT NULL REFERENCES apps (id),
    secret_hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_keys_by_app ON api_keys (app_id);

CREATE TABLE conversations (
    id TEXT COLLATE "C" PRIMARY KEY,
    app_id TEXT COLLATE "C" NOT NULL REFERENCES apps (id),
    external_id TEXT COLLATE "C",
    use_case_id TEXT COLLATE "C" REFERENCES use_cases (id),
    channel TEXT,
    customer TEXT,
    agent TEXT,
    attributes TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'ended')),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    ended_at BIGINT,
    CONSTRAINT conversations_app_id__external_id_key UNIQUE (app_id, external_id)
);

CREATE TABLE media (
    id TEXT COLLATE "C" PRIMARY KEY,
    app_id TEXT COLLATE "C" NOT NULL REFERENCES apps (id),
    conversation_id TEXT COLLATE "C" NOT NULL REFERENCES conversations (id),
    kind TEXT NOT NULL,
    file_name TEXT NOT NULL,
    mime_type TEXT NOT NULL,
    extension TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('fetching', 'stored', 'failed', 'deleted')),
    captured_at BIGINT,
    latitude DOUBLE PRECISION,
    longitude DOUBLE PRECISION,
    origin TEXT,
    note TEXT,
    is_damaged BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    deleted_at BIGINT
);
CREATE INDEX media_by_app ON media (app_id, id);
CREATE INDEX media_by_conversation ON media (conversation_id, id);

CREATE TABLE deliveries (
    id TEXT COLLATE "C" PRIMARY KEY,
    media_id TEXT COLLATE "C" NOT NULL REFERENCES media (id),
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id),
    state TEXT COLLATE "C" NOT NULL
        CHECK (state IN ('queued', 'sending', 'verifying', 'delivered', 'retrying', 'held', 'cancelled')),
    held_reason TEXT CHECK (held_reason IN ('conflict', 'too_large', 'rejected', 'poison')),
    attempts BIGINT NOT NULL,
    location TEXT,
    last_error TEXT,
    next_attempt_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    delivered_at BIGINT,
    CONSTRAINT deliveries_media_id__endpoint_id_key UNIQUE (media_id, endpoint_id),
    CHECK ((state = 'held') = (held_reason IS NOT NULL))
);
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_by_state ON deliveries (state, id);
CREATE INDEX deliveries_by_endpoint_state ON deliveries (endpoint_id, state, id);

CREATE TABLE delivery_attempts (
    delivery_id TEXT COLLATE "C" NOT NULL REFERENCES deliveries (id),
    number BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    message TEXT,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    PRIMARY KEY (delivery_id, number)
);
