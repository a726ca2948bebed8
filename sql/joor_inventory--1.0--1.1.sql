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
-- What is wrong
--

CREATE FUNCTION joor.library(OUT version text, OUT preloaded boolean,
							 OUT libcurl text, OUT libcurl_built text,
							 OUT libcurl_tls text, OUT libcurl_https boolean,
							 OUT libcurl_resolves boolean, OUT libxml2 text,
							 OUT libxml2_built text, OUT libxml2_reads boolean)
AS 'MODULE_PATHNAME', 'joor_inventory_library'
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION joor.library() IS
	'version of the library that is loaded, and which libcurl and libxml2 it runs with and was built with';

CREATE FUNCTION joor.inspect_account(server oid, role oid,
									 OUT url text, OUT warehouses integer,
									 OUT max_items integer,
									 OUT max_bytes bigint,
									 OUT connect_timeout integer,
									 OUT timeout integer, OUT credits integer,
									 OUT reserve integer, OUT "window" bigint,
									 OUT problem text, OUT advice text)
AS 'MODULE_PATHNAME', 'joor_inventory_inspect_account'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.inspect_account(oid, oid) IS
	'for joor.doctor: options of an account (times in milliseconds), and what keeps a role from its token';

CREATE FUNCTION joor.doctor()
RETURNS TABLE ("check" text, state text, detail text, advice text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $doctor$
WITH caller AS (	-- who asks; the current user is the extension's owner here
	SELECT r.oid, r.rolname FROM pg_roles r
	WHERE r.rolname = CASE current_setting('role')
		WHEN 'none' THEN session_user ELSE current_setting('role')::name END
),
cluster AS (
	SELECT l.*, x.extversion,
		l.libcurl_https AND l.libcurl_tls IS NOT NULL AND l.libcurl_resolves
			AND string_to_array(regexp_replace(l.libcurl, '[^0-9.].*', ''), '.')::int[]
				>= string_to_array(regexp_replace(l.libcurl_built, '[^0-9.].*', ''), '.')::int[]
			AS libcurl_fine,
		l.libxml2_reads AND string_to_array(l.libxml2, '.')::int[]
				>= string_to_array(regexp_replace(l.libxml2_built, '[^0-9.].*', ''), '.')::int[]
			AS libxml2_fine,
		(SELECT g.setting::int FROM pg_settings g
			WHERE g.name = 'joor_inventory.request_retention') AS retention,
		(SELECT g.setting::int FROM pg_settings g
			WHERE g.name = 'joor_inventory.request_max_rows') AS max_rows, pg_is_in_recovery() AS standby,
		coalesce(current_setting('joor_inventory.enabled', true)::boolean, true) AS enabled,
		getdatabaseencoding() AS encoding,
		(SELECT a.pid FROM pg_stat_activity a
			WHERE a.backend_type = 'joor_inventory launcher' LIMIT 1) AS launcher,
		(SELECT b.pid FROM pg_locks b
			WHERE b.locktype = 'object' AND b.classid = 'pg_extension'::regclass
				AND b.objid = x.oid AND b.objsubid = 1 AND b.granted
				AND b.database = (SELECT d.oid FROM pg_database d
					WHERE d.datname = current_database()) LIMIT 1) AS worker,
		EXISTS (SELECT FROM joor.queue) AS queued
	FROM joor.library() l, pg_extension x
	WHERE x.extname = 'joor_inventory'
),
account AS (
	SELECT s.oid, s.srvname AS name, quote_literal(s.srvname) AS literal,
		quote_ident(s.srvname) AS ident, t.*, i.url, i.warehouses, i.max_items,
		i.max_bytes, i.connect_timeout, i.timeout, i.credits, i.reserve,
		i.problem, i.advice, o.rolname AS owner,
		t.oldest < clock_timestamp() - greatest(2 * i."window", 600000) * interval '1 ms'
			AND t.state <> 'standby' AS overdue,
		coalesce(t.last_error >= coalesce(t.last_success, '-infinity'), false) AS failing,
		c.rolname AS caller, has_server_privilege(c.oid, s.oid, 'USAGE') AS sends,
		y.problem AS caller_problem, y.advice AS caller_advice,
		CASE WHEN i.connect_timeout >= i.timeout
				THEN 'connect_timeout leaves no time of timeout'
			WHEN i.reserve > i.credits / 2
				THEN 'reserve leaves the worker less than half of the credits'
			WHEN i.credits * 1000 > i."window"
				THEN 'credits are more than JOOR gives, which is one a second'
			WHEN i.max_bytes / 80 < i.max_items
				THEN 'max_bytes ends a request before max_items: an item takes 80 bytes or more' END
			AS contradiction,
		(SELECT max(r.retry_at) FROM joor.request r
			WHERE r.serverid = s.oid AND r.retry_at > clock_timestamp()) AS retry_at
	FROM pg_foreign_server s
	JOIN pg_foreign_data_wrapper w
		ON w.oid = s.srvfdw AND w.fdwname = 'joor_inventory'
	JOIN joor.status t ON t.account = s.srvname
	JOIN pg_roles o ON o.oid = s.srvowner
	CROSS JOIN caller c
	CROSS JOIN LATERAL joor.inspect_account(s.oid, s.srvowner) i
	CROSS JOIN LATERAL joor.inspect_account(s.oid, c.oid) y
),
feed AS (
	SELECT f.*, quote_literal(f.name) AS literal,
		NOT EXISTS (SELECT FROM pg_foreign_server s WHERE s.srvname = f.account) AS lost,
		(SELECT string_agg(format('%s: %s', e.value ->> 'table', e.value ->> 'problem'), '; ')
			FROM json_array_elements(f.watched) e
			WHERE e.value ->> 'problem' IS NOT NULL) AS broken,
		(SELECT string_agg(DISTINCT g."table"::text, ', ')
			FROM joor.watch_trigger g
			WHERE g.feed = f.name AND g.for_each_row
				AND NOT EXISTS (SELECT FROM joor.watch_trigger u
					WHERE u.feed = g.feed AND u."table" = g."table"
						AND NOT u.for_each_row)) AS without_truncate,
		(SELECT string_agg(DISTINCT c.oid::regclass::text, ', ')
			FROM pg_rewrite r
			JOIN pg_depend p ON p.classid = 'pg_rewrite'::regclass
				AND p.objid = r.oid AND p.refclassid = 'pg_class'::regclass
			JOIN pg_class c ON c.oid = p.refobjid
				AND c.relkind IN ('r', 'p', 'f', 'm')
			WHERE r.ev_class = f.view AND NOT EXISTS (
				SELECT FROM joor.watch_trigger g
				WHERE g.feed = f.name AND g."table" = c.oid)) AS unwatched
	FROM joor.feed f
)
SELECT format(c."check", c.name), c.state, c.detail, c.advice
FROM (
	-- the cluster and this database
	SELECT 1 AS part, NULL::text AS name, c.*
	FROM cluster l CROSS JOIN LATERAL (VALUES
		(1, 'version',
			CASE WHEN l.version = l.extversion THEN 'ok' ELSE 'problem' END,
			format('library %s, SQL objects %s', l.version, l.extversion),
			CASE WHEN l.version <> l.extversion THEN
				CASE WHEN string_to_array(l.version, '.')::int[] > string_to_array(l.extversion, '.')::int[]
					THEN 'ALTER EXTENSION joor_inventory UPDATE'
					ELSE 'Install the library of this version, and restart the server if it is preloaded.' END
			END),
		(2, 'preload', CASE WHEN l.preloaded THEN 'ok' ELSE 'problem' END,
			CASE WHEN l.preloaded THEN 'the library is preloaded'
				ELSE 'the library is not preloaded: after a restart nothing is sent before somebody queues something' END,
			CASE WHEN NOT l.preloaded THEN
				format('ALTER SYSTEM SET shared_preload_libraries = %s; then restart the server',
					(SELECT string_agg(quote_literal(p.name), ', ' ORDER BY p.place)
						FROM regexp_split_to_table(current_setting('shared_preload_libraries')
							|| ',joor_inventory', '\s*,\s*') WITH ORDINALITY p (name, place)
						WHERE p.name <> '')) END),
		(3, 'enabled', CASE WHEN l.enabled THEN 'ok' ELSE 'problem' END,
			CASE WHEN l.enabled THEN 'joor_inventory.enabled is on'
				ELSE 'joor_inventory.enabled is off: this cluster sends nothing' END,
			CASE WHEN NOT l.enabled THEN
				'ALTER SYSTEM SET joor_inventory.enabled = on; SELECT pg_reload_conf()' END),
		(4, 'server', 'ok',
			CASE WHEN l.standby THEN 'a standby: the primary sends'
				ELSE 'a primary: it sends' END, NULL),
		(5, 'launcher',
			CASE WHEN NOT l.preloaded OR l.standby OR l.launcher IS NOT NULL THEN 'ok' ELSE 'problem' END,
			CASE WHEN l.launcher IS NOT NULL THEN format('process %s', l.launcher)
				WHEN NOT l.preloaded THEN 'there is none, for the library is not preloaded'
				WHEN l.standby THEN 'there is none before promotion'
				ELSE 'there is none: no free slot of max_worker_processes, or it has just ended' END,
			CASE WHEN l.preloaded AND NOT l.standby AND l.launcher IS NULL THEN
				'Look into the server''s log; raise max_worker_processes.' END),
		(6, 'worker',
			CASE WHEN l.worker IS NOT NULL OR l.standby OR NOT l.enabled OR NOT l.queued THEN 'ok' ELSE 'problem' END,
			CASE WHEN l.worker IS NOT NULL THEN format('process %s', l.worker)
				WHEN l.standby THEN 'there is none before promotion'
				WHEN NOT l.enabled THEN 'there is none, for sending is switched off'
				WHEN NOT l.queued THEN 'there is none, for nothing is queued'
				ELSE 'there is none, although something is queued' END,
			CASE WHEN l.worker IS NULL AND NOT l.standby AND l.enabled AND l.queued THEN
				'SELECT joor.start_worker()' END),
		(7, 'encoding',
			CASE l.encoding WHEN 'SQL_ASCII' THEN 'problem' ELSE 'ok' END,
			CASE l.encoding WHEN 'UTF8' THEN 'UTF8, as JOOR''s'
				WHEN 'SQL_ASCII' THEN 'SQL_ASCII: only ASCII and valid UTF-8 can be sent'
				ELSE l.encoding || ': texts are converted to UTF-8' END,
			CASE l.encoding WHEN 'SQL_ASCII' THEN
				'Move the data to a database with the encoding UTF8.' END),
		(8, 'libcurl',
			CASE WHEN l.libcurl_fine THEN 'ok' ELSE 'problem' END,
			format('%s, built with %s; %s', l.libcurl, l.libcurl_built,
				CASE WHEN NOT l.libcurl_https OR l.libcurl_tls IS NULL THEN 'it cannot do HTTPS'
					WHEN NOT l.libcurl_resolves THEN 'it blocks while it looks up names'
					ELSE 'TLS by ' || l.libcurl_tls END),
			CASE WHEN NOT l.libcurl_fine THEN
				'Install a libcurl with TLS and a threaded resolver, no older than the one the library was built with.' END),
		(9, 'libxml2',
			CASE WHEN l.libxml2_fine THEN 'ok' ELSE 'problem' END,
			format('%s, built with %s%s', l.libxml2, l.libxml2_built,
				CASE WHEN l.libxml2_reads THEN '' ELSE '; it has no reader' END),
			CASE WHEN NOT l.libxml2_fine THEN
				'Install a libxml2 with its reader, no older than the one the library was built with.' END),
		(10, 'record',
			CASE WHEN l.retention > 0 OR l.max_rows > 0 THEN 'ok' ELSE 'problem' END,
			CASE WHEN l.retention > 0 OR l.max_rows > 0 THEN
				format('requests are kept for %s, and %s of them at most',
					CASE WHEN l.retention > 0 THEN current_setting('joor_inventory.request_retention') ELSE 'ever' END,
					CASE WHEN l.max_rows > 0 THEN l.max_rows::text ELSE 'any number' END)
				ELSE 'requests are never deleted: joor_inventory.request_retention and request_max_rows are 0' END,
			CASE WHEN l.retention = 0 AND l.max_rows = 0 THEN
				'ALTER SYSTEM SET joor_inventory.request_retention = ''30d''; SELECT pg_reload_conf()' END)
	) c (number, "check", state, detail, advice)
	UNION ALL
	-- accounts
	SELECT 2, a.name::text, c.*
	FROM account a CROSS JOIN LATERAL (VALUES
		(1, 'account %s',
			CASE WHEN a.state IN ('active', 'standby') THEN 'ok' ELSE 'problem' END,
			a.state || coalesce(': ' || a.reason, ''),
			CASE a.state WHEN 'paused' THEN format('SELECT joor.resume(%s)', a.literal)
				WHEN 'disabled' THEN 'ALTER SYSTEM SET joor_inventory.enabled = on; SELECT pg_reload_conf()'
				WHEN 'active' THEN NULL WHEN 'standby' THEN NULL
				ELSE format('SELECT * FROM joor.activate(%s)', a.literal) END),
		(2, 'account %s: address', 'ok',
			format('%s%s', regexp_replace(a.url, '^[a-z]+://([^/]+).*$', '\1'),
				CASE WHEN a.url ~ '^https://api\.jooraccess\.com/' THEN ', JOOR''s production'
					WHEN a.url ~ '^https://apisandbox\.jooraccess\.com/' THEN ', JOOR''s sandbox'
					WHEN a.url ~ '^http:' THEN ', a loopback address without TLS' END), NULL),
		(3, 'account %s: token of the worker',
			CASE WHEN a.problem IS NULL THEN 'ok' ELSE 'problem' END,
			coalesce(a.problem, format('there is one for %s, the server''s owner', a.owner)), a.advice),
		(4, 'account %s: token of ' || replace(a.caller, '%', '%%'),
			CASE WHEN a.sends AND a.caller_problem IS NOT NULL THEN 'problem' ELSE 'ok' END,
			CASE WHEN a.sends THEN coalesce(a.caller_problem, 'there is one')
				ELSE 'none is needed: without USAGE on the server this role sends nothing' END,
			CASE WHEN a.sends THEN a.caller_advice END),
		(5, 'account %s: warehouses',
			CASE WHEN a.warehouses > 0 THEN 'ok' ELSE 'unknown' END,
			CASE WHEN a.warehouses > 0 THEN format('%s names are allowed', a.warehouses)
				ELSE 'any name is sent, and JOOR does not refuse one that it does not know' END,
			CASE WHEN a.warehouses = 0 THEN
				format('ALTER SERVER %s OPTIONS (ADD warehouses ''...'')', a.ident) END),
		(6, 'account %s: options',
			CASE WHEN a.contradiction IS NULL THEN 'ok' ELSE 'problem' END,
			coalesce(a.contradiction, 'none contradicts another'),
			CASE WHEN a.contradiction IS NOT NULL THEN
				format('ALTER SERVER %s OPTIONS (SET ...)', a.ident) END),
		(7, 'account %s: credits', CASE WHEN a.retry_at IS NULL THEN 'ok' ELSE 'problem' END,
			CASE WHEN a.retry_at IS NOT NULL
				THEN format('JOOR answered 429; nothing is sent until %s', a.retry_at)
				ELSE format('%s of %s are left', a.credits_left, a.credits) END,
			CASE WHEN a.retry_at IS NOT NULL THEN
				format('Nothing, if it is once; if other programs use the account, leave them some: ALTER SERVER %s OPTIONS (%s credits ''...'')',
					a.ident, CASE WHEN a.credits = 300 THEN 'ADD' ELSE 'SET' END) END),
		(8, 'account %s: queue',
			CASE WHEN a.overdue THEN 'problem' ELSE 'ok' END,
			CASE WHEN a.oldest IS NULL THEN 'empty'
				ELSE format('%s entries, the oldest for %s: %s', a.queued,
					date_trunc('second', clock_timestamp() - a.oldest), a.why_not_now) END,
			CASE WHEN a.overdue THEN
				format('SELECT why_not_now, next_send FROM joor.status WHERE account = %s', a.literal) END),
		(9, 'account %s: errors',
			CASE WHEN a.failing THEN 'problem' ELSE 'ok' END,
			CASE WHEN a.last_error IS NULL THEN 'none is recorded'
				ELSE format('last at %s: %s', a.last_error, a.last_error_message) END,
			CASE WHEN a.failing THEN
				format('SELECT * FROM joor.request WHERE server = %s ORDER BY id DESC LIMIT 5', a.literal) END),
		(10, 'account %s: rejections',
			CASE a.rejections_open WHEN 0 THEN 'ok' ELSE 'problem' END,
			format('%s open', a.rejections_open),
			CASE WHEN a.rejections_open > 0 THEN
				format('SELECT id, reason, upc, "position" FROM joor.rejection WHERE server = %s AND closed_at IS NULL; then SELECT joor.retry(id, ...)',
					a.literal) END)
	) c (number, "check", state, detail, advice)
	UNION ALL
	-- feeds
	SELECT 3, f.name, c.*
	FROM feed f CROSS JOIN LATERAL (VALUES
		(1, 'feed %s',
			CASE WHEN f.view IS NULL OR f.failed_at IS NOT NULL OR f.lost THEN 'problem' ELSE 'ok' END,
			CASE WHEN f.view IS NULL THEN 'its view was dropped'
				WHEN f.lost THEN format('its account, server %s, was dropped', f.account)
				WHEN f.failed_at IS NOT NULL THEN format('it fails since %s: %s', f.failed_at, f.failure)
				ELSE format('goes to %s, owner %s', f.account, f.owner) END,
			CASE WHEN f.view IS NULL THEN format('SELECT joor.drop_feed(%s)', f.literal)
				WHEN f.lost THEN format('SELECT joor.alter_feed(%s, server => ''...'')', f.literal)
				WHEN f.failed_at IS NOT NULL THEN
					format('Mend its data, or SELECT joor.alter_feed(%s, ''SELECT ...''); then SELECT joor.resume(%s)', f.literal, quote_literal(f.account)) END),
		(2, 'feed %s: watches',
			CASE WHEN f.broken IS NOT NULL OR f.without_truncate IS NOT NULL THEN 'problem'
				WHEN f.unwatched IS NOT NULL OR json_array_length(f.watched) = 0 THEN 'unknown' ELSE 'ok' END,
			CASE WHEN f.broken IS NOT NULL THEN f.broken
				WHEN f.without_truncate IS NOT NULL THEN 'no trigger for TRUNCATE: ' || f.without_truncate
				WHEN f.unwatched IS NOT NULL THEN 'it reads, without watching it: ' || f.unwatched
				WHEN json_array_length(f.watched) = 0 THEN 'it watches no table'
				ELSE format('tables that it watches: %s', json_array_length(f.watched)) END,
			CASE WHEN f.broken IS NOT NULL OR f.without_truncate IS NOT NULL
					OR f.unwatched IS NOT NULL OR json_array_length(f.watched) = 0 THEN
				format('SELECT joor.watch(%1$s, %2$L, key => ''...''); or schedule SELECT joor.sync(%1$s)',
					f.literal, split_part(coalesce(f.unwatched, f.without_truncate, '...'), ', ', 1)) END)
	) c (number, "check", state, detail, advice)
) c
ORDER BY c.part, c.name, c.number
$doctor$;
COMMENT ON FUNCTION joor.doctor() IS
	'what is right and what is wrong here, a row for each check: ok, problem or unknown, and what to do; reads only, makes no call';

--
-- Rights: nothing for PUBLIC
--

REVOKE ALL ON ALL TABLES IN SCHEMA joor FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA joor FROM PUBLIC;
