-- How endpoints do when nobody looks: tests of what is stored, and what they rest on for some time only.

-- Tests of endpoints as they are stored, the last hundred of each.
CREATE TABLE endpoint_tests (
    id TEXT COLLATE "C" PRIMARY KEY,
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES endpoints (id),
    -- Who wanted it: a person, or the round that looks at every endpoint once a day.
    occasion TEXT NOT NULL CHECK (occasion IN ('person', 'round')),
    outcome TEXT NOT NULL CHECK (outcome IN ('passed', 'warnings', 'failed')),
    -- The first step that was not passed, and what it said.
    step TEXT,
    message TEXT NOT NULL,
    ms BIGINT NOT NULL,
    tested_at BIGINT NOT NULL
);
CREATE INDEX endpoint_tests_by_endpoint ON endpoint_tests (endpoint_id, id);

-- What is known of each endpoint since its last test.
CREATE TABLE endpoint_checkups (
    endpoint_id TEXT COLLATE "C" PRIMARY KEY REFERENCES endpoints (id),
    -- What was tested: an endpoint that was changed since is due.
    revision BIGINT NOT NULL,
    tested_at BIGINT NOT NULL,
    ends_what TEXT CHECK (ends_what IN ('certificate', 'signature')),
    ends_at BIGINT,
    -- How many days before that end people were last told; greater ones are done with.
    told_days BIGINT,
    -- Since when people know that it fails.
    told_broken_at BIGINT
);
