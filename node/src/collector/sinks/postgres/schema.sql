-- Version 1 of the collector's tables. Every column and what it means: docs/src/start/collecting.md.
CREATE TABLE pishtar.records (
  id bytea PRIMARY KEY,
  log_key bytea NOT NULL,
  sequence bigint NOT NULL,
  epoch bigint NOT NULL,
  device_hour bigint NOT NULL,
  counted_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE pishtar.progress (
  learner text COLLATE "C" NOT NULL,
  lesson text COLLATE "C" NOT NULL,
  names text[] NOT NULL,
  played int4multirange NOT NULL,
  furthest_ms integer NOT NULL,
  duration_ms integer NOT NULL,
  completion_reported boolean NOT NULL,
  last_hour integer NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (learner, lesson)
);
CREATE INDEX progress_by_lesson ON pishtar.progress (lesson);
CREATE TABLE pishtar.attempts (
  learner text COLLATE "C" NOT NULL,
  lesson text COLLATE "C" NOT NULL,
  device bytea NOT NULL,
  counter bigint NOT NULL,
  item text COLLATE "C" NOT NULL,
  raw bigint NOT NULL,
  max bigint NOT NULL,
  PRIMARY KEY (learner, lesson, device, counter)
);
CREATE TABLE pishtar.erased (
  learner_sha256 bytea PRIMARY KEY,
  erased_at timestamptz NOT NULL DEFAULT now()
);
CREATE VIEW pishtar.overview AS
SELECT learner, lesson, names, played_ms, furthest_ms, duration_ms, percent,
       completion_reported OR percent >= 90 AS completed,
       attempts, to_timestamp(nullif(last_hour, 0)::bigint * 3600) AS last_worked, changed_at
FROM (
  SELECT p.*, w.played_ms, coalesce(round(w.within_ms * 100.0 / nullif(duration_ms, 0), 1), 0) AS percent, a.attempts
  FROM pishtar.progress p
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(upper(r) - lower(r)), 0)::bigint AS played_ms,
           coalesce(sum(greatest(least(upper(r), p.duration_ms) - lower(r), 0)), 0)::bigint AS within_ms
    FROM unnest(p.played) r
  ) w
  CROSS JOIN LATERAL (
    SELECT count(*) AS attempts FROM pishtar.attempts t WHERE t.learner = p.learner AND t.lesson = p.lesson
  ) a
) merged;
