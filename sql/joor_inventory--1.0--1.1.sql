/* joor_inventory 1.0 to 1.1: watching it */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION joor_inventory UPDATE TO '1.1'" to load this file. \quit

--
-- Counters
--

CREATE TABLE joor.counter
(
	serverid oid NOT NULL,
	since timestamptz NOT NULL,
	requests bigint NOT NULL DEFAULT 0,
	delivered bigint NOT NULL DEFAULT 0,
	partly_rejected bigint NOT NULL DEFAULT 0,
	refused bigint NOT NULL DEFAULT 0,
	unknown bigint NOT NULL DEFAULT 0,
	failed bigint NOT NULL DEFAULT 0,
	unreachable bigint NOT NULL DEFAULT 0,
	throttled bigint NOT NULL DEFAULT 0,
	stopped bigint NOT NULL DEFAULT 0,
	retries bigint NOT NULL DEFAULT 0,
	items bigint NOT NULL DEFAULT 0,
	items_accepted bigint NOT NULL DEFAULT 0,
	items_rejected bigint NOT NULL DEFAULT 0,
	items_drained bigint NOT NULL DEFAULT 0,
	bytes bigint NOT NULL DEFAULT 0,
	credits bigint NOT NULL DEFAULT 0,
	timed bigint NOT NULL DEFAULT 0,
	total_time double precision NOT NULL DEFAULT 0,
	max_time double precision NOT NULL DEFAULT 0,
	credit_wait_time double precision NOT NULL DEFAULT 0,
	PRIMARY KEY (serverid, since)
) WITH (fillfactor = 50);
COMMENT ON TABLE joor.counter IS
	'what was sent to each account, added up; its newest row counts, a reset begins another';
COMMENT ON COLUMN joor.counter.serverid IS 'the account''s foreign server';
COMMENT ON COLUMN joor.counter.since IS 'since when it counts';
COMMENT ON COLUMN joor.counter.requests IS
	'calls to JOOR that have ended, reads of joor.activate included';
COMMENT ON COLUMN joor.counter.delivered IS
	'requests of which JOOR took all items';
COMMENT ON COLUMN joor.counter.partly_rejected IS
	'requests of which JOOR took some items and rejected others';
COMMENT ON COLUMN joor.counter.refused IS
	'requests that JOOR refused: body, token or address';
COMMENT ON COLUMN joor.counter.unknown IS
	'requests of which it is not known what became of them';
COMMENT ON COLUMN joor.counter.failed IS
	'requests that JOORs or the networks trouble ended';
COMMENT ON COLUMN joor.counter.unreachable IS
	'those of the failed that got no answer at all';
COMMENT ON COLUMN joor.counter.throttled IS
	'requests answered by 429: out of credits';
COMMENT ON COLUMN joor.counter.stopped IS
	'requests whose answer stopped the account';
COMMENT ON COLUMN joor.counter.retries IS
	'requests made after one that failed, was throttled or got no answer';
COMMENT ON COLUMN joor.counter.items IS 'items sent';
COMMENT ON COLUMN joor.counter.items_accepted IS 'items that JOOR acknowledged';
COMMENT ON COLUMN joor.counter.items_rejected IS
	'items that JOOR refused one by one';
COMMENT ON COLUMN joor.counter.items_drained IS
	'items that the worker sent and that JOOR acknowledged or rejected';
COMMENT ON COLUMN joor.counter.bytes IS 'size of the bodies, in bytes';
COMMENT ON COLUMN joor.counter.credits IS 'credits that the requests cost';
COMMENT ON COLUMN joor.counter.timed IS
	'requests whose transfer was timed: all but those whose sender ended first';
COMMENT ON COLUMN joor.counter.total_time IS
	'time of the transfers, in milliseconds';
COMMENT ON COLUMN joor.counter.max_time IS
	'the longest of them, in milliseconds';
COMMENT ON COLUMN joor.counter.credit_wait_time IS
	'time that requests waited for credits before they were sent, in milliseconds';

CREATE VIEW joor.stat AS
SELECT s.srvname AS account,
	COALESCE(c.requests, 0) AS requests,
	COALESCE(c.delivered, 0) AS delivered,
	COALESCE(c.partly_rejected, 0) AS partly_rejected,
	COALESCE(c.refused, 0) AS refused,
	COALESCE(c.unknown, 0) AS unknown,
	COALESCE(c.failed, 0) AS failed,
	COALESCE(c.unreachable, 0) AS unreachable,
	COALESCE(c.throttled, 0) AS throttled,
	COALESCE(c.stopped, 0) AS stopped,
	COALESCE(c.retries, 0) AS retries,
	COALESCE(c.items, 0) AS items,
	COALESCE(c.items_accepted, 0) AS items_accepted,
	COALESCE(c.items_rejected, 0) AS items_rejected,
	COALESCE(c.items_drained, 0) AS items_drained,
	COALESCE(c.bytes, 0) AS bytes,
	COALESCE(c.credits, 0) AS credits,
	COALESCE(c.total_time, 0) AS total_time,
	c.total_time OPERATOR(pg_catalog./) NULLIF(c.timed, 0)::double precision
		AS mean_time,
	COALESCE(c.max_time, 0) AS max_time,
	COALESCE(c.credit_wait_time, 0) AS credit_wait_time,
	c.since AS stats_reset
FROM pg_catalog.pg_foreign_server s
JOIN pg_catalog.pg_foreign_data_wrapper w
	ON w.oid OPERATOR(pg_catalog.=) s.srvfdw
	AND w.fdwname OPERATOR(pg_catalog.=) 'joor_inventory'
LEFT JOIN LATERAL (
	SELECT n.* FROM joor.counter n
	WHERE n.serverid OPERATOR(pg_catalog.=) s.oid
	ORDER BY n.since DESC LIMIT 1) c ON true;
COMMENT ON VIEW joor.stat IS
	'what was sent to each account since its counters began, whoever sent it';
COMMENT ON COLUMN joor.stat.account IS 'name of the foreign server';
COMMENT ON COLUMN joor.stat.requests IS
	'calls to JOOR that have ended, reads of joor.activate included';
COMMENT ON COLUMN joor.stat.delivered IS
	'requests of which JOOR took all items';
COMMENT ON COLUMN joor.stat.partly_rejected IS
	'requests of which JOOR took some items and rejected others';
COMMENT ON COLUMN joor.stat.refused IS
	'requests that JOOR refused: body, token or address';
COMMENT ON COLUMN joor.stat.unknown IS
	'requests of which it is not known what became of them';
COMMENT ON COLUMN joor.stat.failed IS
	'requests that JOORs or the networks trouble ended';
COMMENT ON COLUMN joor.stat.unreachable IS
	'those of the failed that got no answer at all';
COMMENT ON COLUMN joor.stat.throttled IS
	'requests answered by 429: out of credits';
COMMENT ON COLUMN joor.stat.stopped IS
	'requests whose answer stopped the account';
COMMENT ON COLUMN joor.stat.retries IS
	'requests made after one that failed, was throttled or got no answer';
COMMENT ON COLUMN joor.stat.items IS 'items sent';
COMMENT ON COLUMN joor.stat.items_accepted IS 'items that JOOR acknowledged';
COMMENT ON COLUMN joor.stat.items_rejected IS
	'items that JOOR refused one by one';
COMMENT ON COLUMN joor.stat.items_drained IS
	'items that the worker sent and that JOOR acknowledged or rejected';
COMMENT ON COLUMN joor.stat.bytes IS 'size of the bodies, in bytes';
COMMENT ON COLUMN joor.stat.credits IS 'credits that the requests cost';
COMMENT ON COLUMN joor.stat.total_time IS
	'time of the transfers, in milliseconds';
COMMENT ON COLUMN joor.stat.mean_time IS
	'mean time of a transfer, in milliseconds; null: there was none';
COMMENT ON COLUMN joor.stat.max_time IS 'the longest of them, in milliseconds';
COMMENT ON COLUMN joor.stat.credit_wait_time IS
	'time that requests waited for credits before they were sent, in milliseconds';
COMMENT ON COLUMN joor.stat.stats_reset IS
	'since when it counts: the last reset, else the first request; null: there was none';

CREATE FUNCTION joor.stat_reset(server text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'joor_inventory_stat_reset'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.stat_reset(text) IS
	'lets the counters of joor.stat begin anew, for an account or, if null, for all';

--
-- Rights: nothing for PUBLIC
--

REVOKE ALL ON ALL TABLES IN SCHEMA joor FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA joor FROM PUBLIC;
