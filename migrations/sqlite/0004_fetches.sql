-- Files that were ordered from an address and are not here yet. The address may carry a signature, so it is sealed, and
-- the row goes as soon as the fetch is over.

CREATE TABLE fetches (
    media_id TEXT PRIMARY KEY REFERENCES media (id),
    sealed_url BLOB NOT NULL,
    declared_type TEXT,
    expected_size INTEGER,
    expected_sha256 TEXT,
    attempts INTEGER NOT NULL,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Why a media is `failed`.
ALTER TABLE media ADD COLUMN failed_reason TEXT;
