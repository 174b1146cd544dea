-- Files that were ordered from an address and are not here yet. The address may carry a signature, so it is sealed, and
-- the row goes as soon as the fetch is over.

CREATE TABLE fetches (
    media_id TEXT COLLATE "C" PRIMARY KEY REFERENCES media (id),
    sealed_url BYTEA NOT NULL,
    declared_type TEXT,
    expected_size BIGINT,
    expected_sha256 TEXT COLLATE "C",
    attempts BIGINT NOT NULL,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Why a media is `failed`.
ALTER TABLE media ADD COLUMN failed_reason TEXT;
