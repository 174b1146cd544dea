-- What happens to an endpoint after it was added: pauses, changes, its end, and how it did hour by hour.

-- Why deliveries wait: a person said so, or whoever answers there is not the one that was confirmed.
ALTER TABLE endpoints ADD COLUMN paused_reason TEXT CHECK (paused_reason IN ('person', 'identity'));
ALTER TABLE endpoints ADD COLUMN paused_at INTEGER;
-- Counts saved changes, so that two people who edit at once learn of each other.
ALTER TABLE endpoints ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
-- What becomes of its open deliveries when it goes; with 'deliver' it stays until the last one is through.
ALTER TABLE endpoints ADD COLUMN leaving TEXT CHECK (leaving IN ('deliver', 'move', 'cancel'));
ALTER TABLE endpoints ADD COLUMN leaving_to TEXT REFERENCES endpoints (id);

-- Attempts by the hour in which they ended.
CREATE TABLE endpoint_hours (
    endpoint_id TEXT NOT NULL REFERENCES endpoints (id),
    hour INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (endpoint_id, hour)
) STRICT;
CREATE INDEX endpoint_hours_by_hour ON endpoint_hours (hour);

-- How many jobs of a lane may run at once, where that is not the setting; 0 closes it.
CREATE TABLE lane_widths (
    lane TEXT PRIMARY KEY,
    width INTEGER NOT NULL CHECK (width >= 0)
) STRICT;

-- The one job that works on a delivery; none on those planned before this was kept.
ALTER TABLE deliveries ADD COLUMN job_id TEXT;
-- What changed lately, for pages that are looked at.
CREATE INDEX deliveries_by_update ON deliveries (updated_at, id);
