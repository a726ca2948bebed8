/* joor_inventory 1.0 to 1.1: watching it */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION joor_inventory UPDATE TO '1.1'" to load this file. \quit

--
-- What may have reached JOOR
--

-- Of 1.0 nobody knows which positions a request without an answer carried.
UPDATE joor.published_item SET request_id = 0
WHERE published_at IS NULL AND request_id IS NULL;
COMMENT ON COLUMN joor.published_item.request_id IS
	'the request that carried it, or, while JOOR has acknowledged nothing, that may have; 0: one of before a restore or an update; null: none did, or restored';

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
	'requests that JOOR''s or the network''s trouble ended';
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
	'requests that JOOR''s or the network''s trouble ended';
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

-- Names without a schema are the catalog's, in the two views that follow.
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

CREATE VIEW joor.diagnosis AS
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
			WHEN i.credits::bigint * 1000 > i."window"
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
SELECT format(c."check", c.name) AS "check", c.state, c.detail, c.advice
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
			coalesce(a.reason, a.state),
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
ORDER BY c.part, c.name, c.number;
COMMENT ON VIEW joor.diagnosis IS
	'what joor.doctor returns to those who may call it';
COMMENT ON COLUMN joor.diagnosis."check" IS 'what was checked';
COMMENT ON COLUMN joor.diagnosis.state IS
	'ok, problem, or unknown where only people can tell';
COMMENT ON COLUMN joor.diagnosis.detail IS 'what was found';
COMMENT ON COLUMN joor.diagnosis.advice IS
	'the statement to run, or what to do; null: nothing';

CREATE FUNCTION joor.doctor()
RETURNS TABLE ("check" text, state text, detail text, advice text)
LANGUAGE sql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET intervalstyle = 'postgres'
AS 'SELECT * FROM joor.diagnosis';
COMMENT ON FUNCTION joor.doctor() IS
	'what is right and what is wrong here, a row for each check: ok, problem or unknown, and what to do; reads only, makes no call';

--
-- A page to look at
--

CREATE FUNCTION joor.report_period()
RETURNS interval
AS 'MODULE_PATHNAME', 'joor_inventory_report_period'
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION joor.report_period() IS
	'for joor.report_page: the time that is shown, 1 day unless joor.report says another';

CREATE VIEW joor.report_page AS
WITH span AS (	-- 48 bars of one step each
	SELECT p.period, p.until, p.until - p.period AS since, p.period / 48 AS step,
		CASE WHEN p.period > '1 day' THEN 'DD Mon HH24:MI' ELSE 'HH24:MI' END AS clock
	FROM (SELECT greatest(joor.report_period(), '1 minute') AS period, clock_timestamp() AS until) p
),
request AS (
	SELECT r.outcome, r.items, r.rejected, r.credits,
		EXTRACT(epoch FROM r.duration) * 1000 AS ms, r.started_at AS at
	FROM joor.request r, span s WHERE r.started_at > s.since
),
-- What is drawn: charts, their series from the bottom up, and the values.
chart (chart, title, unit, note) AS (
	VALUES (1, 'Requests', 'requests', NULL::text),
		(2, 'Items', 'items', NULL),
		(3, 'Credits used', 'credits',
			(SELECT format('JOOR gives %s in the time of a bar.', string_agg(
					format('%s %s', t.account, round(coalesce(o.credits, 300)
						* EXTRACT(epoch FROM s.step) / coalesce(EXTRACT(epoch FROM o."window"), 300))), ', '
					ORDER BY t.account))
				FROM span s, joor.status t
				JOIN pg_foreign_server f ON f.srvname = t.account
				CROSS JOIN LATERAL (
					SELECT max(v.option_value) FILTER (WHERE v.option_name = 'credits')::numeric AS credits,
						(max(v.option_value) FILTER (WHERE v.option_name = 'window'))::interval AS "window"
					FROM pg_options_to_table(f.srvoptions) v) o)),
		(4, 'Time of a call', 'ms', NULL),
		(5, 'Waiting now, by when it was queued', 'entries',
			(SELECT format('%s of them were queued before.', count(*))
				FROM joor.queue q, span s WHERE q.queued_at <= s.since HAVING count(*) > 0)),
		(6, 'On JOOR, by when it was acknowledged', 'items',
			(SELECT format('%s of them were acknowledged before.', count(*))
				FROM joor.published p, span s WHERE p.published_at <= s.since HAVING count(*) > 0))
),
series (chart, series, name, colour) AS (
	VALUES (1, 1, 'delivered', 'good'), (1, 2, 'partly rejected', 'fair'),
		(1, 3, 'throttled', 'wait'), (1, 4, 'unknown', 'odd'),
		(1, 5, 'refused', 'poor'), (1, 6, 'failed', 'bad'),
		(2, 1, 'taken', 'good'), (2, 2, 'rejected', 'poor'), (2, 3, 'not taken', 'odd'),
		(3, 1, 'credits', 'wait'), (4, 1, 'mean', 'wait'), (4, 2, 'longest', 'pale'),
		(5, 1, 'entries', 'odd'), (6, 1, 'items', 'good')
),
value AS (
	SELECT e.chart, e.series, e.name, e.colour, v.at, v.number
	FROM series e CROSS JOIN LATERAL (
		SELECT r.at, 1::numeric AS number FROM request r
			WHERE e.chart = 1 AND r.outcome = replace(e.name, ' ', '_')
		UNION ALL
		SELECT r.at, CASE e.series
				WHEN 1 THEN CASE WHEN r.outcome IN ('delivered', 'partly_rejected')
					THEN r.items - coalesce(r.rejected, 0) ELSE 0 END
				WHEN 2 THEN coalesce(r.rejected, 0)
				ELSE CASE WHEN r.outcome IN ('delivered', 'partly_rejected')
					THEN 0 ELSE r.items - coalesce(r.rejected, 0) END END
			FROM request r WHERE e.chart = 2
		UNION ALL
		SELECT r.at, r.credits FROM request r WHERE e.chart = 3
		UNION ALL
		SELECT r.at, r.ms::numeric FROM request r WHERE e.chart = 4 AND r.ms IS NOT NULL
		UNION ALL
		SELECT q.queued_at, 1 FROM joor.queue q, span s WHERE e.chart = 5 AND q.queued_at > s.since
		UNION ALL
		SELECT p.published_at, 1 FROM joor.published p, span s WHERE e.chart = 6 AND p.published_at > s.since) v
),
-- The parts of bars, each on top of the one before; a time is no sum.
part AS (
	SELECT b.*, sum(b.number) OVER (PARTITION BY b.chart, b.bucket ORDER BY b.series) AS top
	FROM (
		SELECT v.chart, v.series, v.name, v.colour, w.bucket,
			CASE WHEN v.chart <> 4 THEN sum(v.number) WHEN v.series = 1 THEN avg(v.number)
				ELSE max(v.number) - avg(v.number) END AS number,
			CASE WHEN v.chart <> 4 THEN sum(v.number) WHEN v.series = 1 THEN avg(v.number)
				ELSE max(v.number) END AS said
		FROM value v, span s, LATERAL (SELECT least(47, floor(EXTRACT(epoch FROM v.at - s.since)
			/ EXTRACT(epoch FROM s.step)))::int AS bucket) w
		GROUP BY v.chart, v.series, v.name, v.colour, w.bucket) b
),
scale AS (	-- the axis ends at a round number, whose half is one, too
	SELECT m.chart, (SELECT n.top FROM (SELECT power(10::numeric, ceil(log(greatest(m.top, 1))) - d.e) * d.f AS top
			FROM (VALUES (1, 1), (1, 2), (1, 4), (1, 6), (1, 8), (0, 1)) d (e, f)) n
		WHERE n.top >= greatest(m.top, 1) ORDER BY n.top LIMIT 1) AS top
	FROM (SELECT p.chart, max(p.top) AS top FROM part p GROUP BY p.chart) m
),
figure AS (
	SELECT c.chart, xmlelement(name figure,
		xmlelement(name figcaption, xmlelement(name h3, c.title), (
			SELECT xmlelement(name p, xmlattributes('legend' AS class), xmlagg(
				xmlelement(name span, xmlelement(name i, xmlattributes(l.colour AS class), ' '),
					format('%s %s', l.name, l.said)) ORDER BY l.series))
			FROM (SELECT e.series, e.name, e.colour,
					CASE WHEN c.chart <> 4 THEN round(sum(v.number))::text
						WHEN e.series = 1 THEN round(avg(v.number), 1)::text || ' ms'
						ELSE round(max(v.number), 1)::text || ' ms' END AS said
				FROM series e JOIN value v ON v.chart = e.chart AND v.series = e.series
				WHERE e.chart = c.chart GROUP BY e.series, e.name, e.colour
				HAVING sum(v.number) > 0) l)),
		CASE WHEN x.top IS NULL THEN xmlelement(name p, xmlattributes('none' AS class),
				CASE c.chart WHEN 5 THEN 'Nothing waits that was queued in this time.'
					WHEN 6 THEN 'JOOR acknowledged nothing in this time.'
					ELSE 'No request is recorded in this time.' END)
			ELSE xmlelement(name svg, xmlattributes('0 0 360 150' AS "viewBox", 'img' AS role,
					format('%s, %s, bars of %s', c.title, c.unit, s.step) AS "aria-label"),
				(SELECT xmlagg(xmlconcat(
					xmlelement(name line, xmlattributes(44 AS x1, 356 AS x2,
						g.y AS y1, g.y AS y2)),
					xmlelement(name text, xmlattributes(40 AS x, g.y + 4 AS y, 'end' AS "text-anchor"),
						g.label)))
				FROM (SELECT 126 - h.share * 116 AS y, CASE WHEN x.top * h.share >= 10000
						THEN trim_scale(round(x.top * h.share / 1000, 1)) || 'k'
						ELSE trim_scale(round(x.top * h.share, 1))::text END AS label
					FROM (VALUES (0.0), (0.5), (1.0)) h (share)) g),
				(SELECT xmlagg(xmlelement(name rect, xmlattributes(p.colour AS class,
							44 + p.bucket * 6.5 AS x, 5.5 AS width,
							round(126 - p.top / x.top * 116, 2) AS y,
							round(greatest(p.number / x.top * 116, 0.5), 2) AS height),
						xmlelement(name title, format('%s %s: %s %s',
							to_char(s.since + p.bucket * s.step, s.clock), p.name,
							trim_scale(round(p.said, 1)), c.unit)))
					ORDER BY p.bucket, p.series)
				FROM part p WHERE p.chart = c.chart AND p.number > 0),
				(SELECT xmlagg(xmlelement(name text, xmlattributes(t.x AS x, 144 AS y,
							t.anchor AS "text-anchor"),
						to_char(s.since + s.period * t.share, s.clock)) ORDER BY t.x)
				FROM (VALUES (44, 'start', 0.0), (200, 'middle', 0.5), (356, 'end', 1.0))
					t (x, anchor, share))) END,
		CASE WHEN c.note IS NOT NULL THEN xmlelement(name p, xmlattributes('note' AS class), c.note) END) AS figure
	FROM chart c CROSS JOIN span s LEFT JOIN scale x USING (chart)
),
-- Tables: a row of cells each; the first one names it.
cell AS (
	SELECT 'Accounts' AS title, 1 AS place,
		ARRAY['account', 'state', 'waiting', 'oldest', 'credits left', 'rejected, open', 'last success', 'why nothing is sent now'] AS heads,
		t.account::text AS key, ARRAY[t.account::text, t.state, t.queued::text,
			date_trunc('second', s.until - t.oldest)::text, t.credits_left::text,
			t.rejections_open::text, to_char(t.last_success, 'YYYY-MM-DD HH24:MI:SS'),
			coalesce(t.reason, t.why_not_now)] AS cells,
		CASE WHEN t.state = 'active' THEN 'good' ELSE 'bad' END AS mark
	FROM joor.status t, span s
	UNION ALL
	SELECT 'Feeds', 2, ARRAY['feed', 'state', 'account', 'owner', 'tables watched', 'waiting', 'oldest', 'trouble'],
		f.name, ARRAY[f.name, CASE WHEN f.view IS NULL THEN 'dropped' WHEN f.failed_at IS NOT NULL THEN 'fails' ELSE 'works' END,
			f.account::text, f.owner::text, json_array_length(f.watched)::text, f.queued::text,
			date_trunc('second', s.until - f.oldest)::text,
			coalesce(f.failure, (SELECT string_agg(format('%s: %s', e.value ->> 'table', e.value ->> 'problem'), '; ')
				FROM json_array_elements(f.watched) e WHERE e.value ->> 'problem' IS NOT NULL))],
		CASE WHEN f.view IS NOT NULL AND f.failed_at IS NULL THEN 'good' ELSE 'bad' END
	FROM joor.feed f, span s
	UNION ALL
	(SELECT 'Open rejections, newest first', 3, ARRAY['number', 'refused by', 'account', 'item', 'quantity', 'times', 'since', 'reason'],
		to_char(9223372036854775807 - r.id, '0000000000000000000'),
		ARRAY[r.id::text, r.source, r.server::text, r."position", r.inventory::text,
			r.times::text, to_char(r.rejected_at, 'YYYY-MM-DD HH24:MI:SS'), r.reason],
		'poor'
	FROM joor.rejection r WHERE r.closed_at IS NULL
	ORDER BY r.id DESC LIMIT 200)
),
grid AS (
	SELECT c.place, xmlelement(name section, xmlelement(name h2, c.title),
		xmlelement(name div, xmlattributes('scroll' AS class), xmlelement(name table,
			xmlelement(name thead, xmlelement(name tr,
				(SELECT xmlagg(xmlelement(name th, h.head) ORDER BY h.place)
				FROM unnest(c.heads) WITH ORDINALITY h (head, place)))),
			xmlelement(name tbody, xmlagg(xmlelement(name tr,
				(SELECT xmlagg(xmlelement(name td, xmlattributes(c.heads[h.place] AS "data-head"),
						CASE h.place WHEN 2 THEN xmlelement(name b, xmlattributes(c.mark AS class), h.cell)
							ELSE xmlelement(name span, coalesce(nullif(h.cell, ''), '-')) END) ORDER BY h.place)
				FROM unnest(c.cells) WITH ORDINALITY h (cell, place))) ORDER BY c.key))))) AS section
	FROM cell c GROUP BY c.place, c.title, c.heads
),
tile AS (
	SELECT xmlagg(xmlelement(name div, xmlelement(name strong, t.number), t.what) ORDER BY t.place) AS tiles
	FROM (
		SELECT 1 AS place, coalesce(sum(t.queued), 0)::text AS number, 'entries wait' AS what FROM joor.status t
		UNION ALL
		SELECT 2, coalesce(date_trunc('second', max(s.until) - min(t.oldest))::text, 'none'), 'the oldest waits'
			FROM joor.status t, span s
		UNION ALL
		SELECT 3, count(*)::text, 'requests in this time' FROM request
		UNION ALL
		SELECT 4, coalesce(sum(r.items), 0)::text, 'items sent in them' FROM request r
		UNION ALL
		SELECT 5, coalesce(sum(t.rejections_open), 0)::text, 'rejections are open' FROM joor.status t
		UNION ALL
		SELECT 6, coalesce(date_trunc('second', max(s.until) - max(t.last_success))::text, 'never'), 'since JOOR last took items'
			FROM joor.status t, span s) t
)
-- What XML cannot carry is shown as a question mark.
SELECT '<!DOCTYPE html>' || regexp_replace(xmlserialize(CONTENT xmlelement(name html, xmlattributes('en' AS lang),
	xmlelement(name head, xmlelement(name meta, xmlattributes('utf-8' AS charset)),
		xmlelement(name meta, xmlattributes('viewport' AS name, 'width=device-width, initial-scale=1' AS content)),
		xmlelement(name title, format('JOOR inventory of %s', current_database())),
		xmlelement(name style, $css$
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --text: #1c2430; --soft: #5c6675; --line: #dfe3e8;
	--good: #2e8b57; --fair: #9bbf3b; --wait: #3b78c4; --pale: #a9c4e6; --odd: #8d7bb8; --poor: #d98a1f; --bad: #c43d3d; }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1b212a; --text: #e4e8ee; --soft: #98a3b3; --line: #323b48;
	--good: #4db37c; --fair: #a9c95a; --wait: #639ee6; --pale: #35537a; --odd: #a898d6; --poor: #e5a44a; --bad: #e36a6a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 14px/1.45 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 20px 16px 40px; }
h1 { font-size: 22px; margin: 0; } h2 { font-size: 16px; margin: 28px 0 8px; } h3 { font-size: 14px; margin: 0; }
p { margin: 4px 0; } header p, .note, .legend, .none, footer { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 18px 0; }
.tiles div, figure, .scroll { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.tiles div { padding: 10px 14px; color: var(--soft); }
.tiles strong { display: block; font-size: 22px; color: var(--text); font-variant-numeric: tabular-nums; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 12px; }
figure { margin: 0; padding: 12px 14px; min-width: 0; }
svg { display: block; width: 100%; height: auto; margin-top: 6px; }
svg text { font-size: 11px; fill: var(--soft); } svg line { stroke: var(--line); }
.legend span { display: inline-block; margin-right: 14px; white-space: nowrap; }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 5px; }
.note, .none, .legend { font-size: 12px; } .none { padding: 28px 0; text-align: center; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; vertical-align: top; padding: 7px 12px; border-top: 1px solid var(--line); overflow-wrap: anywhere; min-width: 70px; max-width: 340px; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; border-top: 0; }
td { font-variant-numeric: tabular-nums; } td b { font-weight: 600; white-space: nowrap; }
.good { fill: var(--good); } .fair { fill: var(--fair); } .wait { fill: var(--wait); } .pale { fill: var(--pale); }
.odd { fill: var(--odd); } .poor { fill: var(--poor); } .bad { fill: var(--bad); }
i.good { background: var(--good); } i.fair { background: var(--fair); } i.wait { background: var(--wait); } i.pale { background: var(--pale); }
i.odd { background: var(--odd); } i.poor { background: var(--poor); } i.bad { background: var(--bad); }
b.good { color: var(--good); } b.poor { color: var(--poor); } b.bad { color: var(--bad); }
footer { margin-top: 24px; font-size: 12px; }
@media (max-width: 640px) {
	thead { display: none; } tr { display: block; padding: 6px 0; border-top: 1px solid var(--line); }
	tr:first-child { border-top: 0; } td { display: flex; border: 0; padding: 2px 12px; max-width: none; }
	td::before { content: attr(data-head); color: var(--soft); flex: 0 0 130px; padding-right: 10px; }
}
$css$)),
	xmlelement(name body, xmlelement(name main,
		xmlelement(name header, xmlelement(name h1, 'Inventory on JOOR'),
			xmlelement(name p, format('Database %s, from %s to %s', current_database(),
				to_char(s.since, 'YYYY-MM-DD HH24:MI'), to_char(s.until, 'YYYY-MM-DD HH24:MI TZ')))),
		xmlelement(name div, xmlattributes('tiles' AS class), (SELECT t.tiles FROM tile t)),
		xmlelement(name div, xmlattributes('charts' AS class), (SELECT xmlagg(f.figure ORDER BY f.chart) FROM figure f)),
		(SELECT xmlagg(g.section ORDER BY g.place) FROM grid g),
		xmlelement(name footer, 'Requests are shown as far as joor.request keeps them. How long the queue was at an earlier time is not recorded: a monitoring system that reads joor.status has it.')
	))) AS text), '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f]', '?', 'g') AS page
FROM span s;
COMMENT ON VIEW joor.report_page IS
	'what joor.report returns to those who may call it';
COMMENT ON COLUMN joor.report_page.page IS 'the page, as HTML';

CREATE FUNCTION joor.report(period interval DEFAULT '1 day')
RETURNS text
AS 'MODULE_PATHNAME', 'joor_inventory_report'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.report(interval) IS
	'a page of HTML, complete in itself, about the time up to now: charts, accounts, feeds, open rejections';

--
-- Comments of 1.0, now with the errors to expect.  Each function that takes a
-- server or a feed may say 42501 (no right), 42704 (it is not there) and 42809
-- (it is not one of ours) besides.
--

COMMENT ON SCHEMA joor IS
	'inventory push to JOOR: accounts, item queries, feeds, requests, rejections; begin with SELECT * FROM joor.doctor()';
COMMENT ON FUNCTION joor.set_token(text, text, name) IS
	'sets the token of an account in the user mapping of a role, without a DDL statement in the log; error HV024: not a token';
COMMENT ON FUNCTION joor.activate(text) IS
	'tests an account''s address and token by a read (1 credit), then permits sends from this database; errors 28000 no token or refused, 08006 not reached, HV000 wrong address, 55000 switched off or standby';
COMMENT ON FUNCTION joor.preview(text, text, boolean, boolean, text) IS
	'the requests that joor.push would make of an item query, bytes in bytes; sends nothing; errors 42703 and 42804 wrong column, 22023 invalid row, 21000 repeated item';
COMMENT ON FUNCTION joor.push(text, text, boolean, boolean, text, boolean) IS
	'sends the items of an item query to JOOR now (5 credits a request), a row for each request, bytes in bytes; errors as joor.preview, and 55000 not active, 28000 token, 08006 not reached or no answer, HV000 refused, 53400 and 54000 no such overwrite';
COMMENT ON FUNCTION joor.push_feed(text, boolean, text, boolean) IS
	'sends all that a feed says to JOOR now, and 0 for what is gone, a row for each request; errors as joor.push, and 25001 the transaction has changed something';
COMMENT ON FUNCTION joor.push_sku(text, text, bigint, text, text, text, date,
								  text, text, boolean) IS
	'sends the quantity of a single SKU to JOOR now (5 credits); errors as joor.push, and HV000 the item was rejected';
COMMENT ON FUNCTION joor.enqueue(text, text, boolean) IS
	'queues the items of an item query for the background worker, number of items; errors as joor.preview';
COMMENT ON FUNCTION joor.wait(text, interval) IS
	'waits until all that was queued and committed before has been sent or rejected; false when the time runs out first: joor.status says why';
COMMENT ON FUNCTION joor.retry(bigint[]) IS
	'queues the items of open rejections, by their id, again; number of items';
COMMENT ON FUNCTION joor.start_worker() IS
	'starts the background worker of this database unless it is there; error 53000: no slot of max_worker_processes';
COMMENT ON FUNCTION joor.create_feed(text, text, text, text) IS
	'makes an item query a feed, the view joor.feed_<name>, which the worker reads when keys of it have changed; errors 42602 and 42710 name, 42703 and 42804 wrong column, 42P11 not one SELECT, 0A000 temporary table';
COMMENT ON FUNCTION joor.watch(text, regclass, text, text[]) IS
	'lets a table mark the keys of a feed whose rows change, by triggers; again: instead of what was watched there; errors 42703 and 42804 column does not fit';
COMMENT ON FUNCTION joor.sync(text, boolean) IS
	'queues what differs between a feed and what JOOR acknowledged last, or everything, number of items; reads all of the feed; error 25006 read-only transaction';
COMMENT ON FUNCTION joor.drift(text) IS
	'what differs between a feed and what JOOR acknowledged last: missing, different, gone or invalid; reads all of the feed';
COMMENT ON COLUMN joor.progress.bytes IS
	'size of the requests'' bodies, in bytes';
COMMENT ON COLUMN joor.request.duration IS
	'time of the HTTP transfer, without the wait for credits';

--
-- Rights: nothing for PUBLIC
--

REVOKE ALL ON ALL TABLES IN SCHEMA joor FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA joor FROM PUBLIC;
