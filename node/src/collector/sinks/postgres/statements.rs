//! The SQL of one batch: staged by COPY, then merged in one transaction.
//!
//! Merging is done by the database, row by row under its locks: intervals as a multirange union, numbers as a
//! maximum, attempts as a set. So any number of collectors may write at once, and none loses what another wrote.

/// Tables of one connection that a batch passes through.
pub(super) const STAGING: &str = "
CREATE TEMP TABLE IF NOT EXISTS staged_records
  (id bytea, log_key bytea, sequence bigint, epoch bigint, device_hour bigint) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_progress
  (learner text, lesson text, names text[], played text, furthest_ms integer, duration_ms integer,
   completed boolean, last_hour integer) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_attempts
  (learner text, lesson text, device bytea, counter bigint, item text, raw bigint, max bigint) ON COMMIT DELETE ROWS;";

pub(super) const COPY_RECORDS: &str = "COPY pg_temp.staged_records FROM STDIN (FORMAT binary)";
pub(super) const COPY_PROGRESS: &str = "COPY pg_temp.staged_progress FROM STDIN (FORMAT binary)";
pub(super) const COPY_ATTEMPTS: &str = "COPY pg_temp.staged_attempts FROM STDIN (FORMAT binary)";

/// One id is one row, whoever brings it.
pub(super) const MERGE_RECORDS: &str = "
INSERT INTO pishtar.records (id, log_key, sequence, epoch, device_hour)
SELECT id, log_key, sequence, epoch, device_hour FROM pg_temp.staged_records ORDER BY id
ON CONFLICT DO NOTHING";

/// In order of the key, so that two collectors wait for each other's rows in the same order.
pub(super) const MERGE_PROGRESS: &str = "
INSERT INTO pishtar.progress AS held
  (learner, lesson, names, played, furthest_ms, duration_ms, completion_reported, last_hour)
SELECT learner, lesson, names, played::int4multirange, furthest_ms, duration_ms, completed, last_hour
FROM pg_temp.staged_progress s
WHERE NOT EXISTS (SELECT FROM pishtar.erased e WHERE e.learner_sha256 = sha256(convert_to(s.learner, 'UTF8')))
ORDER BY learner COLLATE \"C\", lesson COLLATE \"C\"
ON CONFLICT (learner, lesson) DO UPDATE SET
  names = ARRAY(SELECT DISTINCT name COLLATE \"C\" FROM unnest(held.names || excluded.names) name ORDER BY 1 LIMIT 4),
  played = held.played + excluded.played,
  furthest_ms = greatest(held.furthest_ms, excluded.furthest_ms),
  duration_ms = greatest(held.duration_ms, excluded.duration_ms),
  completion_reported = held.completion_reported OR excluded.completion_reported,
  last_hour = greatest(held.last_hour, excluded.last_hour),
  changed_at = now()";

/// A device that used one counter twice: the larger is kept, as everywhere.
pub(super) const MERGE_ATTEMPTS: &str = "
INSERT INTO pishtar.attempts AS held (learner, lesson, device, counter, item, raw, max)
SELECT learner, lesson, device, counter, item, raw, max
FROM pg_temp.staged_attempts s
WHERE NOT EXISTS (SELECT FROM pishtar.erased e WHERE e.learner_sha256 = sha256(convert_to(s.learner, 'UTF8')))
ORDER BY learner COLLATE \"C\", lesson COLLATE \"C\", device, counter
ON CONFLICT (learner, lesson, device, counter) DO UPDATE SET
  item = excluded.item, raw = excluded.raw, max = excluded.max
WHERE (held.item, held.raw, held.max) < (excluded.item, excluded.raw, excluded.max)";

/// Nobody writes progress while a learner is erased, so no row slips in behind.
pub(super) const ERASE_LOCK: &str =
    "LOCK TABLE pishtar.progress, pishtar.attempts IN SHARE ROW EXCLUSIVE MODE";
pub(super) const ERASE: [&str; 3] = [
    "INSERT INTO pishtar.erased (learner_sha256) VALUES (sha256(convert_to($1, 'UTF8'))) ON CONFLICT DO NOTHING",
    "DELETE FROM pishtar.progress WHERE learner = $1",
    "DELETE FROM pishtar.attempts WHERE learner = $1",
];
