/* joor_inventory 1.0: JOOR always shows the stock that a query says */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION joor_inventory" to load this file. \quit

CREATE SCHEMA joor;
COMMENT ON SCHEMA joor IS
	'inventory push to JOOR: accounts, item queries, requests, rejections';

--
-- Accounts
--

CREATE FUNCTION joor.fdw_validator(options text[], catalog oid)
RETURNS void
AS 'MODULE_PATHNAME', 'joor_inventory_fdw_validator'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION joor.fdw_validator(text[], oid) IS
	'checks the options of JOOR accounts and their user mappings';

CREATE FOREIGN DATA WRAPPER joor_inventory
	NO HANDLER VALIDATOR joor.fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER joor_inventory IS
	'JOOR accounts: a server is an account, a user mapping holds its token';

CREATE TABLE joor.account
(
	serverid oid PRIMARY KEY,
	server name NOT NULL,
	system_identifier bigint NOT NULL,
	database oid NOT NULL,
	activated_at timestamptz NOT NULL,
	activated_by name NOT NULL,
	paused_at timestamptz,
	paused_by name,
	resumed_at timestamptz NOT NULL
);
COMMENT ON TABLE joor.account IS
	'accounts that have been activated, and where; a restored copy matches no longer';
COMMENT ON COLUMN joor.account.serverid IS 'the foreign server';
COMMENT ON COLUMN joor.account.server IS 'its name when it was activated';
COMMENT ON COLUMN joor.account.system_identifier IS
	'the cluster in which it was activated';
COMMENT ON COLUMN joor.account.database IS
	'the database in which it was activated';
COMMENT ON COLUMN joor.account.activated_at IS 'when it was activated';
COMMENT ON COLUMN joor.account.activated_by IS 'by which role';
COMMENT ON COLUMN joor.account.paused_at IS 'since when it is paused';
COMMENT ON COLUMN joor.account.paused_by IS 'by which role';
COMMENT ON COLUMN joor.account.resumed_at IS
	'when it was last activated or resumed; stops before that do not count';

CREATE TABLE joor.stop
(
	serverid oid PRIMARY KEY,
	server name NOT NULL,
	stopped_at timestamptz NOT NULL,
	reason text NOT NULL,
	configuration text NOT NULL
);
COMMENT ON TABLE joor.stop IS
	'answers after which nothing gets through until someone acts';
COMMENT ON COLUMN joor.stop.serverid IS 'the foreign server';
COMMENT ON COLUMN joor.stop.server IS 'its name at that time';
COMMENT ON COLUMN joor.stop.stopped_at IS 'when the answer came';
COMMENT ON COLUMN joor.stop.reason IS 'what it said';
COMMENT ON COLUMN joor.stop.configuration IS
	'versions of server, user mapping and token file; a change ends the stop';

CREATE FUNCTION joor.set_token(server text, token text,
							   role name DEFAULT 'public')
RETURNS void
AS 'MODULE_PATHNAME', 'joor_inventory_set_token'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.set_token(text, text, name) IS
	'sets the token of an account in the user mapping of a role, without a DDL statement in the log';

CREATE FUNCTION joor.activate(server text DEFAULT 'joor')
RETURNS TABLE (account text, url text, http_status integer, duration interval)
AS 'MODULE_PATHNAME', 'joor_inventory_activate'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION joor.activate(text) IS
	'tests an account''s address and token by a read, then permits sends from this database';

CREATE FUNCTION joor.pause(server text DEFAULT 'joor')
RETURNS void
AS 'MODULE_PATHNAME', 'joor_inventory_pause'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.pause(text) IS
	'stops all sends of an account until joor.resume';

CREATE FUNCTION joor.resume(server text DEFAULT 'joor')
RETURNS void
AS 'MODULE_PATHNAME', 'joor_inventory_resume'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.resume(text) IS
	'ends a pause of an account, or a stop by an answer of JOOR''s';

CREATE FUNCTION joor.deactivate(server text DEFAULT 'joor')
RETURNS void
AS 'MODULE_PATHNAME', 'joor_inventory_deactivate'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.deactivate(text) IS
	'withdraws the permission to send for an account from this database';

--
-- Requests, which are also the ledger of credits
--

CREATE TABLE joor.request
(
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	serverid oid NOT NULL,
	server name NOT NULL,
	user_name name NOT NULL,
	source text NOT NULL,
	operation text NOT NULL,
	method text NOT NULL,
	url text NOT NULL,
	overwrite boolean NOT NULL,
	dec_pending boolean NOT NULL,
	items integer NOT NULL,
	bytes bigint NOT NULL,
	credits integer NOT NULL,
	counts_until timestamptz,
	pid integer NOT NULL,
	run bigint,
	run_items bigint,
	started_at timestamptz NOT NULL,
	finished_at timestamptz,
	duration interval,
	outcome text NOT NULL CHECK (outcome OPERATOR(pg_catalog.=) ANY
		('{sending,delivered,partly_rejected,refused,unknown,failed,throttled}'::text[])),
	http_status integer,
	sku_count bigint,
	rejected integer,
	log_id text,
	throttling text,
	retry_at timestamptz,
	message text,
	answer text
);
CREATE INDEX request_account ON joor.request (serverid, id);
CREATE INDEX request_ledger ON joor.request (serverid, counts_until);
CREATE INDEX request_retry ON joor.request (serverid, retry_at)
	WHERE retry_at IS NOT NULL;
CREATE INDEX request_sending ON joor.request (serverid)
	WHERE outcome OPERATOR(pg_catalog.=) 'sending'::text;
COMMENT ON TABLE joor.request IS
	'every call to JOOR: when, what, how large, and what became of it';
COMMENT ON COLUMN joor.request.id IS 'number of the request';
COMMENT ON COLUMN joor.request.serverid IS 'the account''s foreign server';
COMMENT ON COLUMN joor.request.server IS 'its name at that time';
COMMENT ON COLUMN joor.request.user_name IS 'the role that sent it';
COMMENT ON COLUMN joor.request.source IS
	'what sent it: push, push_feed, push_sku, activate or worker';
COMMENT ON COLUMN joor.request.operation IS
	'bulk_inventory, sku_inventory or read_styles';
COMMENT ON COLUMN joor.request.method IS 'HTTP method';
COMMENT ON COLUMN joor.request.url IS 'address, without its query string';
COMMENT ON COLUMN joor.request.overwrite IS
	'whether it replaced all inventory of the account';
COMMENT ON COLUMN joor.request.dec_pending IS
	'whether JOOR was to subtract what its pending orders hold';
COMMENT ON COLUMN joor.request.items IS 'number of items sent';
COMMENT ON COLUMN joor.request.bytes IS 'size of the body in bytes';
COMMENT ON COLUMN joor.request.credits IS
	'credits it counts for; 0 when it never left';
COMMENT ON COLUMN joor.request.counts_until IS
	'until when they count; null: they do not';
COMMENT ON COLUMN joor.request.pid IS 'process that sent it';
COMMENT ON COLUMN joor.request.run IS
	'first request of the same push or drain; null: this one is it';
COMMENT ON COLUMN joor.request.run_items IS 'items of the whole push';
COMMENT ON COLUMN joor.request.started_at IS 'when it was about to be sent';
COMMENT ON COLUMN joor.request.finished_at IS 'when its outcome was known';
COMMENT ON COLUMN joor.request.duration IS 'time of the HTTP transfer';
COMMENT ON COLUMN joor.request.outcome IS
	'sending, delivered, partly_rejected, refused, unknown, failed or throttled';
COMMENT ON COLUMN joor.request.http_status IS 'status of the answer';
COMMENT ON COLUMN joor.request.sku_count IS
	'number of updates, as JOOR counts them';
COMMENT ON COLUMN joor.request.rejected IS
	'items that JOOR refused one by one';
COMMENT ON COLUMN joor.request.log_id IS 'JOOR''s log id, for its support';
COMMENT ON COLUMN joor.request.throttling IS
	'X-Throttling headers of the answer';
COMMENT ON COLUMN joor.request.retry_at IS
	'after a 429: when the account sends again';
COMMENT ON COLUMN joor.request.message IS
	'what is to be said of the outcome';
COMMENT ON COLUMN joor.request.answer IS 'beginning of JOOR''s answer';

CREATE TABLE joor.rejection
(
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	serverid oid NOT NULL,
	server name NOT NULL,
	request_id bigint,
	source text NOT NULL CHECK (source OPERATOR(pg_catalog.=) ANY
		('{validation,joor}'::text[])),
	reason text,
	"row" bigint,
	"position" text NOT NULL,
	warehouse text,
	inventory_date date,
	style_number text,
	style_identifier text,
	style_id bigint,
	color_code text,
	style_color_id bigint,
	size text,
	size_code text,
	upc text,
	inventory bigint,
	made_to_order boolean,
	times integer NOT NULL DEFAULT 1,
	rejected_at timestamptz NOT NULL,
	closed_at timestamptz
);
CREATE UNIQUE INDEX rejection_open
	ON joor.rejection (serverid, pg_catalog.md5("position"))
	WHERE closed_at IS NULL;
COMMENT ON TABLE joor.rejection IS
	'items that were refused, one open row for each; closed when a later send of it succeeds';
COMMENT ON COLUMN joor.rejection.id IS 'number of the rejection';
COMMENT ON COLUMN joor.rejection.serverid IS 'the account''s foreign server';
COMMENT ON COLUMN joor.rejection.server IS 'its name at that time';
COMMENT ON COLUMN joor.rejection.request_id IS
	'the request that JOOR refused it in; null: it was not sent';
COMMENT ON COLUMN joor.rejection.source IS
	'who refused it: validation, before it was sent, or joor';
COMMENT ON COLUMN joor.rejection.reason IS 'why, if that is known';
COMMENT ON COLUMN joor.rejection."row" IS 'its row in the item query';
COMMENT ON COLUMN joor.rejection."position" IS
	'warehouse, date and identity as JSON';
COMMENT ON COLUMN joor.rejection.warehouse IS 'field of the item';
COMMENT ON COLUMN joor.rejection.inventory_date IS 'field of the item';
COMMENT ON COLUMN joor.rejection.style_number IS 'field of the item';
COMMENT ON COLUMN joor.rejection.style_identifier IS 'field of the item';
COMMENT ON COLUMN joor.rejection.style_id IS 'field of the item';
COMMENT ON COLUMN joor.rejection.color_code IS 'field of the item';
COMMENT ON COLUMN joor.rejection.style_color_id IS 'field of the item';
COMMENT ON COLUMN joor.rejection.size IS 'field of the item';
COMMENT ON COLUMN joor.rejection.size_code IS 'field of the item';
COMMENT ON COLUMN joor.rejection.upc IS 'field of the item';
COMMENT ON COLUMN joor.rejection.inventory IS 'field of the item';
COMMENT ON COLUMN joor.rejection.made_to_order IS 'field of the item';
COMMENT ON COLUMN joor.rejection.times IS
	'how often it was refused since it was last accepted';
COMMENT ON COLUMN joor.rejection.rejected_at IS 'when it was last refused';
COMMENT ON COLUMN joor.rejection.closed_at IS
	'when it was accepted; null: it is open';

--
-- The queue
--

CREATE SEQUENCE joor.queue_id_seq;
COMMENT ON SEQUENCE joor.queue_id_seq IS
	'numbers the entries of the queue, of items and of changed keys alike';

CREATE TABLE joor.queue_item
(
	id bigint NOT NULL,
	serverid oid NOT NULL,
	server name NOT NULL,
	user_name name NOT NULL,
	queued_at timestamptz NOT NULL,
	dec_pending boolean NOT NULL,
	xid xid8 NOT NULL,
	hash bigint NOT NULL,
	since bigint,
	warehouse text,
	inventory_date date,
	style_number text,
	style_identifier text,
	style_id bigint,
	color_code text,
	style_color_id bigint,
	size text,
	size_code text,
	upc text,
	inventory bigint,
	made_to_order boolean,
	PRIMARY KEY (serverid, id)
);
CREATE INDEX queue_item_position ON joor.queue_item (serverid, hash, id);
CREATE INDEX queue_item_since ON joor.queue_item (serverid, since)
	WHERE since IS NOT NULL;
COMMENT ON TABLE joor.queue_item IS
	'items that wait to be sent; of those for one position the latest is sent';
COMMENT ON COLUMN joor.queue_item.id IS 'number of the entry; the highest is the latest';
COMMENT ON COLUMN joor.queue_item.serverid IS 'the account''s foreign server';
COMMENT ON COLUMN joor.queue_item.server IS 'its name at that time';
COMMENT ON COLUMN joor.queue_item.user_name IS 'the role that queued it';
COMMENT ON COLUMN joor.queue_item.queued_at IS 'when it was queued';
COMMENT ON COLUMN joor.queue_item.dec_pending IS
	'whether JOOR is to subtract what its pending orders hold';
COMMENT ON COLUMN joor.queue_item.xid IS
	'transaction that queued it; a push supersedes what it could see';
COMMENT ON COLUMN joor.queue_item.hash IS
	'hash of warehouse, date and identity; the same for the same position';
COMMENT ON COLUMN joor.queue_item.since IS
	'the entry of changed keys that it comes from, when JOOR refused a request of a feed; else null';
COMMENT ON COLUMN joor.queue_item.warehouse IS 'field of the item';
COMMENT ON COLUMN joor.queue_item.inventory_date IS 'field of the item';
COMMENT ON COLUMN joor.queue_item.style_number IS 'field of the item';
COMMENT ON COLUMN joor.queue_item.style_identifier IS 'field of the item';
COMMENT ON COLUMN joor.queue_item.style_id IS 'field of the item';
COMMENT ON COLUMN joor.queue_item.color_code IS 'field of the item';
COMMENT ON COLUMN joor.queue_item.style_color_id IS 'field of the item';
COMMENT ON COLUMN joor.queue_item.size IS 'field of the item';
COMMENT ON COLUMN joor.queue_item.size_code IS 'field of the item';
COMMENT ON COLUMN joor.queue_item.upc IS 'field of the item';
COMMENT ON COLUMN joor.queue_item.inventory IS 'field of the item';
COMMENT ON COLUMN joor.queue_item.made_to_order IS 'field of the item';

CREATE TABLE joor.feed_definition
(
	name text COLLATE "C" PRIMARY KEY,
	serverid oid NOT NULL,
	server name NOT NULL,
	key_column name NOT NULL,
	created_at timestamptz NOT NULL,
	failed_at timestamptz,
	failure text
);
COMMENT ON TABLE joor.feed_definition IS
	'feeds: each is the view joor.feed_<name>, whose owner is the feed''s';
COMMENT ON COLUMN joor.feed_definition.name IS 'name of the feed';
COMMENT ON COLUMN joor.feed_definition.serverid IS 'the account''s foreign server';
COMMENT ON COLUMN joor.feed_definition.server IS 'its name at that time';
COMMENT ON COLUMN joor.feed_definition.key_column IS
	'the column of the view by which watched tables say what changed';
COMMENT ON COLUMN joor.feed_definition.created_at IS 'when it was created';
COMMENT ON COLUMN joor.feed_definition.failed_at IS
	'since when its query fails; null: it does not';
COMMENT ON COLUMN joor.feed_definition.failure IS 'the error it fails with';

CREATE TABLE joor.queue_change
(
	feed text COLLATE "C" NOT NULL,
	id bigint,
	part integer NOT NULL,
	queued_at timestamptz NOT NULL,
	xid xid8 NOT NULL,
	keys text[]
) WITH (toast_tuple_target = 8160);
-- a commit that adds a row without a number does not touch the index
CREATE UNIQUE INDEX queue_change_number ON joor.queue_change (feed, id, part)
	WHERE id IS NOT NULL;
ALTER TABLE joor.queue_change ALTER COLUMN keys SET STORAGE EXTERNAL;
COMMENT ON TABLE joor.queue_change IS
	'keys of feeds that changed and wait for the feed to be read and sent';
COMMENT ON COLUMN joor.queue_change.feed IS 'name of the feed';
COMMENT ON COLUMN joor.queue_change.id IS
	'place in the queue; null until the worker has seen it';
COMMENT ON COLUMN joor.queue_change.part IS
	'what a transaction says of a feed has several rows if it has many keys, numbered from 0';
COMMENT ON COLUMN joor.queue_change.queued_at IS 'when it was queued';
COMMENT ON COLUMN joor.queue_change.xid IS 'transaction that queued it';
COMMENT ON COLUMN joor.queue_change.keys IS
	'the keys that changed; null: everything may have';

CREATE VIEW joor.queue AS
SELECT i.id, i.serverid, i.server, i.user_name, i.queued_at, i.dec_pending,
	NULL::text AS feed, NULL::text[] AS keys,
	i.warehouse, i.inventory_date, i.style_number, i.style_identifier, i.style_id, i.color_code, i.style_color_id, i.size, i.size_code, i.upc, i.inventory, i.made_to_order
FROM joor.queue_item i
UNION ALL
SELECT c.id, f.serverid, f.server, NULL, c.queued_at, NULL, c.feed, c.keys,
	NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM joor.queue_change c
LEFT JOIN joor.feed_definition f ON f.name OPERATOR(pg_catalog.=) c.feed;
COMMENT ON VIEW joor.queue IS
	'what waits to be sent: items, and changed keys of feeds';
COMMENT ON COLUMN joor.queue.id IS
	'number of the entry; of those for one position the highest is sent; null: keys that the worker has not seen yet';
COMMENT ON COLUMN joor.queue.serverid IS 'the account''s foreign server';
COMMENT ON COLUMN joor.queue.server IS 'its name at that time';
COMMENT ON COLUMN joor.queue.user_name IS
	'the role that queued an item; null for changed keys';
COMMENT ON COLUMN joor.queue.queued_at IS 'when it was queued';
COMMENT ON COLUMN joor.queue.dec_pending IS
	'whether JOOR is to subtract what its pending orders hold; null for changed keys';
COMMENT ON COLUMN joor.queue.feed IS 'the feed whose keys changed; null for an item';
COMMENT ON COLUMN joor.queue.keys IS
	'the keys that changed; null with a feed: everything may have';
COMMENT ON COLUMN joor.queue.warehouse IS 'field of the item';
COMMENT ON COLUMN joor.queue.inventory_date IS 'field of the item';
COMMENT ON COLUMN joor.queue.style_number IS 'field of the item';
COMMENT ON COLUMN joor.queue.style_identifier IS 'field of the item';
COMMENT ON COLUMN joor.queue.style_id IS 'field of the item';
COMMENT ON COLUMN joor.queue.color_code IS 'field of the item';
COMMENT ON COLUMN joor.queue.style_color_id IS 'field of the item';
COMMENT ON COLUMN joor.queue.size IS 'field of the item';
COMMENT ON COLUMN joor.queue.size_code IS 'field of the item';
COMMENT ON COLUMN joor.queue.upc IS 'field of the item';
COMMENT ON COLUMN joor.queue.inventory IS 'field of the item';
COMMENT ON COLUMN joor.queue.made_to_order IS 'field of the item';

CREATE TABLE joor.drain
(
	serverid oid PRIMARY KEY,
	state text NOT NULL,
	reason text,
	next_at timestamptz,
	pid integer NOT NULL,
	changed_at timestamptz NOT NULL
);
COMMENT ON TABLE joor.drain IS
	'what the worker was last doing for an account; joor.status explains it';
COMMENT ON COLUMN joor.drain.serverid IS 'the account''s foreign server';
COMMENT ON COLUMN joor.drain.state IS
	'empty, sending, spacing, credits, push, failed, feed or blocked';
COMMENT ON COLUMN joor.drain.reason IS 'what keeps it from sending';
COMMENT ON COLUMN joor.drain.next_at IS 'when it goes on';
COMMENT ON COLUMN joor.drain.pid IS 'the worker';
COMMENT ON COLUMN joor.drain.changed_at IS 'since when';

CREATE FUNCTION joor.enqueue(query text, server text DEFAULT 'joor',
							 dec_pending boolean DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'joor_inventory_enqueue'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.enqueue(text, text, boolean) IS
	'queues the items of an item query for the background worker; number of items';

CREATE FUNCTION joor.wait(server text DEFAULT 'joor',
						  timeout interval DEFAULT '1 minute')
RETURNS boolean
AS 'MODULE_PATHNAME', 'joor_inventory_wait'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.wait(text, interval) IS
	'waits until all that was queued before has been sent or rejected; false when the time runs out first';

CREATE FUNCTION joor.retry(VARIADIC rejections bigint[])
RETURNS bigint
AS 'MODULE_PATHNAME', 'joor_inventory_retry'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.retry(bigint[]) IS
	'queues the items of open rejections again; number of items';

CREATE FUNCTION joor.start_worker()
RETURNS void
AS 'MODULE_PATHNAME', 'joor_inventory_start_worker'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.start_worker() IS
	'starts the background worker of this database unless it is there';

CREATE FUNCTION joor.stop_worker()
RETURNS boolean
AS 'MODULE_PATHNAME', 'joor_inventory_stop_worker'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.stop_worker() IS
	'ends the background worker of this database; where the library is preloaded, until joor.start_worker';

--
-- Feeds
--

CREATE FUNCTION joor.mark_changed()
RETURNS trigger
AS 'MODULE_PATHNAME', 'joor_inventory_mark_changed'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.mark_changed() IS
	'trigger function of joor.watch: notes which keys of a feed changed; arguments: feed, column that holds the key';

CREATE VIEW joor.watch_trigger AS
SELECT g.args[1] AS feed, t.tgrelid::pg_catalog.regclass AS "table",
	t.tgname AS "trigger", g.args[2] AS key,
	(SELECT pg_catalog.array_agg(DISTINCT b.attname::text)
		FROM pg_catalog.pg_depend p
		JOIN pg_catalog.pg_attribute b
			ON b.attrelid OPERATOR(pg_catalog.=) p.refobjid
			AND b.attnum OPERATOR(pg_catalog.=) p.refobjsubid
		WHERE p.classid OPERATOR(pg_catalog.=)
				'pg_catalog.pg_trigger'::pg_catalog.regclass
			AND p.objid OPERATOR(pg_catalog.=) t.oid
			AND p.refclassid OPERATOR(pg_catalog.=)
				'pg_catalog.pg_class'::pg_catalog.regclass
			AND p.refobjid OPERATOR(pg_catalog.=) t.tgrelid
			AND p.refobjsubid OPERATOR(pg_catalog.>) 0
			AND b.attname OPERATOR(pg_catalog.<>) g.args[2]) AS columns,
	t.tgtype OPERATOR(pg_catalog.&) 1::smallint
		OPERATOR(pg_catalog.<>) 0 AS for_each_row,
	CASE
		WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_attribute b
			WHERE b.attrelid OPERATOR(pg_catalog.=) t.tgrelid
				AND b.attnum OPERATOR(pg_catalog.>) 0
				AND b.attname OPERATOR(pg_catalog.=) g.args[2])
			THEN 'the table has no such key column; call joor.watch again'
		WHEN t.tgenabled OPERATOR(pg_catalog.=) 'D'
			THEN 'its trigger is disabled'
		WHEN t.tgenabled OPERATOR(pg_catalog.<>) 'A'
			THEN 'its trigger is not ENABLE ALWAYS'
	END AS problem
FROM pg_catalog.pg_trigger t
CROSS JOIN LATERAL (
	SELECT pg_catalog.array_agg(pg_catalog.convert_from(pg_catalog.decode(
			pg_catalog.replace(u.bytes, ' ', ''), 'hex'),
			pg_catalog.getdatabaseencoding()) ORDER BY u.number) AS args
	FROM pg_catalog.unnest(pg_catalog.string_to_array(
			pg_catalog.regexp_replace(pg_catalog.encode(t.tgargs, 'hex'),
				'(..)', '\1 ', 'g'), '00 ')) WITH ORDINALITY u (bytes, number)) g
WHERE t.tgfoid OPERATOR(pg_catalog.=)
		'joor.mark_changed()'::pg_catalog.regprocedure
	AND t.tgparentid OPERATOR(pg_catalog.=) 0::oid AND NOT t.tgisinternal;
COMMENT ON VIEW joor.watch_trigger IS
	'the triggers by which tables say what has changed; without those that a partition has of its parent';
COMMENT ON COLUMN joor.watch_trigger.feed IS 'name of the feed';
COMMENT ON COLUMN joor.watch_trigger."table" IS 'the table that is watched';
COMMENT ON COLUMN joor.watch_trigger."trigger" IS 'name of the trigger';
COMMENT ON COLUMN joor.watch_trigger.key IS
	'the table''s column that holds the key';
COMMENT ON COLUMN joor.watch_trigger.columns IS
	'columns whose update counts, besides the key; null: all';
COMMENT ON COLUMN joor.watch_trigger.for_each_row IS
	'whether it fires for each row, or for each statement';
COMMENT ON COLUMN joor.watch_trigger.problem IS
	'why it does not mark what it should; null: it does';

CREATE FUNCTION joor.create_feed(name text, query text,
								 server text DEFAULT 'joor',
								 key text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'joor_inventory_create_feed'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.create_feed(text, text, text, text) IS
	'makes an item query a feed, the view joor.feed_<name>, which the worker reads when keys of it have changed';

CREATE FUNCTION joor.alter_feed(name text, query text DEFAULT NULL,
								server text DEFAULT NULL,
								key text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'joor_inventory_alter_feed'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.alter_feed(text, text, text, text) IS
	'changes what is not null of a feed; sends nothing by itself unless its key is another, joor.sync does';

CREATE FUNCTION joor.drop_feed(name text)
RETURNS void
AS 'MODULE_PATHNAME', 'joor_inventory_drop_feed'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.drop_feed(text) IS
	'drops a feed, its triggers on all tables, and its keys that wait';

CREATE FUNCTION joor.watch(feed text, "table" regclass, key text,
						   columns text[] DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'joor_inventory_watch'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.watch(text, regclass, text, text[]) IS
	'lets a table mark the keys of a feed whose rows change, by triggers; again: instead of what was watched there';

CREATE FUNCTION joor.unwatch(feed text, "table" regclass)
RETURNS void
AS 'MODULE_PATHNAME', 'joor_inventory_unwatch'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.unwatch(text, regclass) IS
	'drops the triggers of a feed from a table and its children';

CREATE VIEW joor.feed AS
SELECT d.name, COALESCE(s.srvname, d.server) AS account,
	pg_catalog.pg_get_userbyid(c.relowner) AS owner,
	pg_catalog.pg_get_viewdef(c.oid) AS query, d.key_column AS key,
	COALESCE(w.watched, '[]'::json) AS watched, q.queued, q.oldest,
	d.failed_at, d.failure, d.created_at, c.oid::pg_catalog.regclass AS view
FROM joor.feed_definition d
LEFT JOIN pg_catalog.pg_foreign_server s
	ON s.oid OPERATOR(pg_catalog.=) d.serverid
LEFT JOIN pg_catalog.pg_class c
	ON c.relnamespace OPERATOR(pg_catalog.=)
		'joor'::pg_catalog.regnamespace
	AND c.relname OPERATOR(pg_catalog.=)
		('feed_' OPERATOR(pg_catalog.||) d.name)::name
	AND c.relkind OPERATOR(pg_catalog.=) 'v'
CROSS JOIN LATERAL (
	SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
			'table', t."table", 'key', t.key, 'columns', t.columns,
			'problem', t.problem) ORDER BY t."table"::text, t.key) AS watched
	FROM (SELECT g."table", g.key, pg_catalog.max(g.columns) AS columns,
			pg_catalog.max(g.problem) AS problem
		FROM joor.watch_trigger g
		WHERE g.feed OPERATOR(pg_catalog.=) d.name AND g.for_each_row
		GROUP BY g."table", g.key) t) w
CROSS JOIN LATERAL (
	SELECT pg_catalog.count(*) AS queued, pg_catalog.min(e.queued_at) AS oldest
	FROM joor.queue_change e WHERE e.feed OPERATOR(pg_catalog.=) d.name) q;
COMMENT ON VIEW joor.feed IS
	'each feed in one line: what it reads, what it watches, what waits, why it fails';
COMMENT ON COLUMN joor.feed.name IS 'name of the feed';
COMMENT ON COLUMN joor.feed.account IS 'name of the foreign server';
COMMENT ON COLUMN joor.feed.owner IS
	'the role with whose rights it is read: the owner of its view';
COMMENT ON COLUMN joor.feed.query IS 'its item query';
COMMENT ON COLUMN joor.feed.key IS
	'the column by which watched tables say what has changed';
COMMENT ON COLUMN joor.feed.watched IS
	'array of the tables that are watched: table, key, columns (null: all), problem (null: none)';
COMMENT ON COLUMN joor.feed.queued IS
	'entries of changed keys in the queue, of up to 1000 keys each';
COMMENT ON COLUMN joor.feed.oldest IS 'when the oldest of them was queued';
COMMENT ON COLUMN joor.feed.failed_at IS
	'since when its query fails; null: it does not';
COMMENT ON COLUMN joor.feed.failure IS 'the error it fails with';
COMMENT ON COLUMN joor.feed.created_at IS 'when it was created';
COMMENT ON COLUMN joor.feed.view IS
	'the view it is; null: that was dropped, and joor.drop_feed removes the rest';

--
-- What was published
--

CREATE TABLE joor.published_item
(
	serverid oid NOT NULL,
	server name NOT NULL,
	hash bigint NOT NULL,
	feed text COLLATE "C",
	key text COLLATE "C",
	warehouse text,
	inventory_date date,
	style_number text,
	style_identifier text,
	style_id bigint,
	color_code text,
	style_color_id bigint,
	size text,
	size_code text,
	upc text,
	inventory bigint,
	made_to_order boolean,
	request_id bigint,
	published_at timestamptz,
	PRIMARY KEY (serverid, hash)
) WITH (fillfactor = 70);
CREATE INDEX published_item_key ON joor.published_item (feed, key)
	WHERE key IS NOT NULL;
COMMENT ON TABLE joor.published_item IS
	'what JOOR acknowledged last for each position, and what feeds have sent or are about to';
COMMENT ON COLUMN joor.published_item.serverid IS 'the account''s foreign server';
COMMENT ON COLUMN joor.published_item.server IS 'its name at that time';
COMMENT ON COLUMN joor.published_item.hash IS
	'hash of warehouse, date and identity; the same for the same position';
COMMENT ON COLUMN joor.published_item.feed IS
	'the feed that sent it last; null: none did';
COMMENT ON COLUMN joor.published_item.key IS
	'the feed''s key of it; null with a feed: the feed has it no more, and JOOR acknowledged the 0';
COMMENT ON COLUMN joor.published_item.warehouse IS 'field of the item';
COMMENT ON COLUMN joor.published_item.inventory_date IS 'field of the item';
COMMENT ON COLUMN joor.published_item.style_number IS 'field of the item';
COMMENT ON COLUMN joor.published_item.style_identifier IS 'field of the item';
COMMENT ON COLUMN joor.published_item.style_id IS 'field of the item';
COMMENT ON COLUMN joor.published_item.color_code IS 'field of the item';
COMMENT ON COLUMN joor.published_item.style_color_id IS 'field of the item';
COMMENT ON COLUMN joor.published_item.size IS 'field of the item';
COMMENT ON COLUMN joor.published_item.size_code IS 'field of the item';
COMMENT ON COLUMN joor.published_item.upc IS 'field of the item';
COMMENT ON COLUMN joor.published_item.inventory IS
	'the quantity that JOOR acknowledged last; null: made to order';
COMMENT ON COLUMN joor.published_item.made_to_order IS
	'whether it was sent as made to order; null: nothing was said';
COMMENT ON COLUMN joor.published_item.request_id IS
	'the request that carried it; null in a restored copy';
COMMENT ON COLUMN joor.published_item.published_at IS
	'when JOOR acknowledged it; null: never yet';

CREATE VIEW joor.published AS
SELECT p.server AS account, p.warehouse, p.inventory_date, p.style_number,
	p.style_identifier, p.style_id, p.color_code, p.style_color_id, p.size,
	p.size_code, p.upc, p.inventory, p.made_to_order, p.feed, p.key,
	p.request_id, p.published_at
FROM joor.published_item p
WHERE p.published_at IS NOT NULL;
COMMENT ON VIEW joor.published IS
	'the last quantity that JOOR acknowledged, by warehouse, date and identity';
COMMENT ON COLUMN joor.published.account IS
	'name of the foreign server when it was sent';
COMMENT ON COLUMN joor.published.warehouse IS 'field of the item';
COMMENT ON COLUMN joor.published.inventory_date IS 'field of the item';
COMMENT ON COLUMN joor.published.style_number IS 'field of the item';
COMMENT ON COLUMN joor.published.style_identifier IS 'field of the item';
COMMENT ON COLUMN joor.published.style_id IS 'field of the item';
COMMENT ON COLUMN joor.published.color_code IS 'field of the item';
COMMENT ON COLUMN joor.published.style_color_id IS 'field of the item';
COMMENT ON COLUMN joor.published.size IS 'field of the item';
COMMENT ON COLUMN joor.published.size_code IS 'field of the item';
COMMENT ON COLUMN joor.published.upc IS 'field of the item';
COMMENT ON COLUMN joor.published.inventory IS
	'the quantity; null: made to order';
COMMENT ON COLUMN joor.published.made_to_order IS
	'whether it was sent as made to order; null: nothing was said';
COMMENT ON COLUMN joor.published.feed IS
	'the feed that sent it last; null: none did';
COMMENT ON COLUMN joor.published.key IS
	'the feed''s key of it; null with a feed: the feed has it no more';
COMMENT ON COLUMN joor.published.request_id IS
	'the request that carried it; null in a restored copy';
COMMENT ON COLUMN joor.published.published_at IS
	'when JOOR acknowledged it';

CREATE FUNCTION joor.sync(name text, everything boolean DEFAULT false)
RETURNS bigint
AS 'MODULE_PATHNAME', 'joor_inventory_sync'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.sync(text, boolean) IS
	'queues what differs between a feed and what JOOR acknowledged last, or everything; number of items';

CREATE FUNCTION joor.drift(name text)
RETURNS TABLE (difference text, key text, warehouse text, inventory_date date,
			   style_number text, style_identifier text, style_id bigint,
			   color_code text, style_color_id bigint, size text,
			   size_code text, upc text, inventory bigint,
			   made_to_order boolean, published_inventory bigint,
			   published_made_to_order boolean, reason text)
AS 'MODULE_PATHNAME', 'joor_inventory_drift'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.drift(text) IS
	'what differs between a feed and what JOOR acknowledged last: missing, different, gone or invalid';

--
-- What an analyst calls
--

CREATE FUNCTION joor.preview(query text, server text DEFAULT 'joor',
							 overwrite boolean DEFAULT false,
							 dec_pending boolean DEFAULT NULL,
							 format text DEFAULT NULL)
RETURNS TABLE (number integer, method text, url text, items integer,
			   bytes bigint, body text)
AS 'MODULE_PATHNAME', 'joor_inventory_preview'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.preview(text, text, boolean, boolean, text) IS
	'the requests that joor.push would make of an item query; sends nothing';

CREATE FUNCTION joor.push(query text, server text DEFAULT 'joor',
						  overwrite boolean DEFAULT false,
						  dec_pending boolean DEFAULT NULL,
						  on_failure text DEFAULT 'error',
						  force boolean DEFAULT false)
RETURNS TABLE (id bigint, items bigint, bytes bigint, http_status integer,
			   outcome text, sku_count bigint, rejected integer, log_id text,
			   duration interval, message text)
AS 'MODULE_PATHNAME', 'joor_inventory_push'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.push(text, text, boolean, boolean, text, boolean) IS
	'sends the items of an item query to JOOR now; a row for each request';

CREATE FUNCTION joor.push_feed(name text, overwrite boolean DEFAULT false,
							   on_failure text DEFAULT 'error',
							   force boolean DEFAULT false)
RETURNS TABLE (id bigint, items bigint, bytes bigint, http_status integer,
			   outcome text, sku_count bigint, rejected integer, log_id text,
			   duration interval, message text)
AS 'MODULE_PATHNAME', 'joor_inventory_push_feed'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.push_feed(text, boolean, text, boolean) IS
	'sends all that a feed says to JOOR now, and 0 for what is gone; one row per request';

CREATE FUNCTION joor.push_sku(style_number text, style_identifier text,
							  inventory bigint, upc text DEFAULT NULL,
							  color_code text DEFAULT NULL,
							  size text DEFAULT NULL,
							  inventory_date date DEFAULT NULL,
							  warehouse text DEFAULT NULL,
							  server text DEFAULT 'joor',
							  dec_pending boolean DEFAULT NULL)
RETURNS TABLE (id bigint, items bigint, bytes bigint, http_status integer,
			   outcome text, sku_count bigint, rejected integer, log_id text,
			   duration interval, message text)
AS 'MODULE_PATHNAME', 'joor_inventory_push_sku'
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE;
COMMENT ON FUNCTION joor.push_sku(text, text, bigint, text, text, text, date,
								  text, text, boolean) IS
	'sends the quantity of a single SKU to JOOR now';

--
-- What an operator sees
--

CREATE VIEW joor.status AS
SELECT s.srvname AS account,
	CASE
		WHEN NOT pg_catalog.current_setting('joor_inventory.enabled', true)::boolean THEN 'disabled'
		WHEN pg_catalog.pg_is_in_recovery() THEN 'standby'
		WHEN a.serverid IS NULL THEN 'not activated'
		WHEN NOT a.here THEN 'copied'
		WHEN a.paused_at IS NOT NULL THEN 'paused'
		WHEN p.serverid IS NOT NULL THEN 'stopped'
		ELSE 'active'
	END AS state,
	CASE
		WHEN a.serverid IS NULL
			THEN 'not activated in this database: SELECT * FROM joor.activate('
				OPERATOR(pg_catalog.||) pg_catalog.quote_literal(s.srvname)
				OPERATOR(pg_catalog.||) ')'
		WHEN NOT a.here
			THEN 'activated in another cluster or database, of which this one is a copy'
		WHEN a.paused_at IS NOT NULL
			THEN pg_catalog.format('paused at %s by %s', a.paused_at, a.paused_by)
		WHEN p.serverid IS NOT NULL
			THEN pg_catalog.format('%s (%s)', p.reason, p.stopped_at)
	END AS reason,
	CASE WHEN y.retry_at IS NOT NULL THEN 0
		ELSE GREATEST(o.credits OPERATOR(pg_catalog.-) l.spent, 0)
	END AS credits_left,
	GREATEST(l.until, y.retry_at) AS credits_until,
	u.queued,
	u.oldest,
	CASE
		WHEN u.oldest IS NULL THEN 'nothing is queued'
		WHEN NOT pg_catalog.current_setting('joor_inventory.enabled', true)::boolean
			THEN 'sending is switched off: joor_inventory.enabled'
		WHEN pg_catalog.pg_is_in_recovery()
			THEN 'this server is a standby; the primary sends'
		WHEN a.serverid IS NULL
			THEN 'the account is not activated: SELECT * FROM joor.activate('
				OPERATOR(pg_catalog.||) pg_catalog.quote_literal(s.srvname)
				OPERATOR(pg_catalog.||) ')'
		WHEN NOT a.here
			THEN 'the account was activated in another cluster or database, of which this one is a copy'
		WHEN a.paused_at IS NOT NULL
			THEN 'the account is paused: SELECT joor.resume('
				OPERATOR(pg_catalog.||) pg_catalog.quote_literal(s.srvname)
				OPERATOR(pg_catalog.||) ')'
		WHEN p.serverid IS NOT NULL THEN p.reason
		WHEN d.state OPERATOR(pg_catalog.=) 'blocked' AND w2.pid IS NULL
			THEN d.reason
		WHEN w2.pid IS NULL
			THEN 'no worker is running: SELECT joor.start_worker()'
		WHEN d.state OPERATOR(pg_catalog.=) 'sending'
			THEN 'a request is in flight'
		WHEN d.state OPERATOR(pg_catalog.=) 'spacing'
			THEN 'requests are spaced so that the credits last'
		WHEN d.state OPERATOR(pg_catalog.=) 'credits'
			THEN COALESCE(d.reason, 'out of credits')
		WHEN d.state OPERATOR(pg_catalog.=) 'push'
			THEN 'another session sends for the account'
		WHEN d.state OPERATOR(pg_catalog.=) 'failed'
			THEN 'JOOR has trouble: ' OPERATOR(pg_catalog.||) d.reason
		WHEN d.state OPERATOR(pg_catalog.=) ANY ('{feed,blocked}'::text[])
			THEN d.reason
		ELSE 'the worker is about to look'
	END AS why_not_now,
	CASE WHEN u.oldest IS NOT NULL AND w2.pid IS NOT NULL THEN d.next_at END
		AS next_send,
	w2.pid AS worker_pid,
	q.last_success,
	q.last_error,
	q.last_error_message,
	q.sending,
	(SELECT pg_catalog.count(*) FROM joor.rejection r
		WHERE r.serverid OPERATOR(pg_catalog.=) s.oid AND r.closed_at IS NULL)
		AS rejections_open
FROM pg_catalog.pg_foreign_server s
JOIN pg_catalog.pg_foreign_data_wrapper w
	ON w.oid OPERATOR(pg_catalog.=) s.srvfdw
	AND w.fdwname OPERATOR(pg_catalog.=) 'joor_inventory'
LEFT JOIN LATERAL (
	SELECT c.*, c.serverid OPERATOR(pg_catalog.=) s.oid
		AND c.database OPERATOR(pg_catalog.=) (
			SELECT d.oid FROM pg_catalog.pg_database d
			WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
		AND c.system_identifier OPERATOR(pg_catalog.=) (
			SELECT y.system_identifier
			FROM pg_catalog.pg_control_system() y) AS here
	FROM joor.account c
	WHERE c.serverid OPERATOR(pg_catalog.=) s.oid
		OR c.server OPERATOR(pg_catalog.=) s.srvname
	ORDER BY c.serverid OPERATOR(pg_catalog.=) s.oid DESC
	LIMIT 1) a ON true
LEFT JOIN joor.stop p ON p.serverid OPERATOR(pg_catalog.=) s.oid
	AND p.stopped_at OPERATOR(pg_catalog.>) a.resumed_at
	AND EXISTS (SELECT FROM pg_catalog.pg_user_mapping m
		WHERE m.umserver OPERATOR(pg_catalog.=) s.oid
			AND pg_catalog.starts_with(p.configuration,
				pg_catalog.format('server %s/%s, mapping %s/%s, ',
					s.oid, s.xmin, m.oid, m.xmin)))
LEFT JOIN joor.drain d ON d.serverid OPERATOR(pg_catalog.=) s.oid
LEFT JOIN LATERAL (
	SELECT b.pid FROM pg_catalog.pg_locks b
	JOIN pg_catalog.pg_extension x
		ON x.oid OPERATOR(pg_catalog.=) b.objid
		AND x.extname OPERATOR(pg_catalog.=) 'joor_inventory'
	WHERE b.locktype OPERATOR(pg_catalog.=) 'object'
		AND b.classid OPERATOR(pg_catalog.=)
			'pg_catalog.pg_extension'::pg_catalog.regclass
		AND b.objsubid OPERATOR(pg_catalog.=) 1::smallint
		AND b.granted
		AND b.database OPERATOR(pg_catalog.=) (
			SELECT d.oid FROM pg_catalog.pg_database d
			WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
	LIMIT 1) w2 ON true
CROSS JOIN LATERAL (
	SELECT pg_catalog.count(*) AS queued, pg_catalog.min(e.queued_at) AS oldest
	FROM joor.queue e WHERE e.serverid OPERATOR(pg_catalog.=) s.oid) u
CROSS JOIN LATERAL (
	SELECT COALESCE(pg_catalog.max(v.option_value)
			FILTER (WHERE v.option_name OPERATOR(pg_catalog.=) 'credits'),
			'300')::bigint AS credits
	FROM pg_catalog.pg_options_to_table(s.srvoptions) v) o
CROSS JOIN LATERAL (
	SELECT COALESCE(pg_catalog.sum(t.credits), 0)::bigint AS spent,
		pg_catalog.max(t.counts_until) AS until
	FROM joor.request t
	WHERE t.serverid OPERATOR(pg_catalog.=) s.oid
		AND t.counts_until OPERATOR(pg_catalog.>) pg_catalog.statement_timestamp()) l
CROSS JOIN LATERAL (
	SELECT pg_catalog.max(t.retry_at) AS retry_at FROM joor.request t
	WHERE t.serverid OPERATOR(pg_catalog.=) s.oid
		AND t.retry_at OPERATOR(pg_catalog.>) pg_catalog.statement_timestamp()) y
CROSS JOIN LATERAL (
	SELECT (SELECT t.finished_at FROM joor.request t
			WHERE t.serverid OPERATOR(pg_catalog.=) s.oid
				AND t.outcome OPERATOR(pg_catalog.=) ANY
					('{delivered,partly_rejected}'::text[])
				AND t.operation OPERATOR(pg_catalog.<>) 'read_styles'
			ORDER BY t.serverid DESC, t.id DESC LIMIT 1) AS last_success,
		e.finished_at AS last_error,
		e.message AS last_error_message,
		(SELECT pg_catalog.count(*) FROM joor.request t
			WHERE t.serverid OPERATOR(pg_catalog.=) s.oid
				AND t.outcome OPERATOR(pg_catalog.=) 'sending'::text) AS sending
	FROM (SELECT 1) one
	LEFT JOIN LATERAL (
		SELECT t.finished_at, t.message FROM joor.request t
		WHERE t.serverid OPERATOR(pg_catalog.=) s.oid
			AND t.outcome OPERATOR(pg_catalog.=) ANY
				('{refused,unknown,failed}'::text[])
		ORDER BY t.serverid DESC, t.id DESC LIMIT 1) e ON true) q;
COMMENT ON VIEW joor.status IS
	'each account in one line: whether it may send or why not, credits, last success and error';
COMMENT ON COLUMN joor.status.account IS 'name of the foreign server';
COMMENT ON COLUMN joor.status.state IS
	'active, paused, stopped, not activated, copied, disabled or standby';
COMMENT ON COLUMN joor.status.reason IS 'why it is not active';
COMMENT ON COLUMN joor.status.credits_left IS
	'credits that may be spent now';
COMMENT ON COLUMN joor.status.credits_until IS
	'when all credits will be there again, if nothing more is sent';
COMMENT ON COLUMN joor.status.queued IS 'entries in the queue';
COMMENT ON COLUMN joor.status.oldest IS 'when the oldest of them was queued';
COMMENT ON COLUMN joor.status.why_not_now IS
	'why nothing of the queue is being sent right now';
COMMENT ON COLUMN joor.status.next_send IS
	'when the worker sends next, as far as it knows';
COMMENT ON COLUMN joor.status.worker_pid IS
	'the background worker of this database; null: none is running';
COMMENT ON COLUMN joor.status.last_success IS
	'when items were last delivered';
COMMENT ON COLUMN joor.status.last_error IS
	'when a request was last refused, failed or of unknown outcome';
COMMENT ON COLUMN joor.status.last_error_message IS 'what was said then';
COMMENT ON COLUMN joor.status.sending IS 'requests that are being sent';
COMMENT ON COLUMN joor.status.rejections_open IS
	'items that were refused and not accepted since';

CREATE VIEW joor.progress AS
WITH under_way AS (
	SELECT s.oid AS serverid, s.srvname AS account, l.pid
	FROM pg_catalog.pg_foreign_server s
	JOIN pg_catalog.pg_locks l
		ON l.locktype OPERATOR(pg_catalog.=) 'object'
		AND l.classid OPERATOR(pg_catalog.=)
			'pg_catalog.pg_foreign_server'::pg_catalog.regclass
		AND l.objid OPERATOR(pg_catalog.=) s.oid
		AND l.objsubid OPERATOR(pg_catalog.=) 1::smallint
		AND l.granted
		AND l.database OPERATOR(pg_catalog.=) (
			SELECT d.oid FROM pg_catalog.pg_database d
			WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
	UNION
	SELECT s.serverid, f.srvname, s.pid
	FROM joor.drain s
	JOIN pg_catalog.pg_foreign_server f
		ON f.oid OPERATOR(pg_catalog.=) s.serverid
	WHERE s.state OPERATOR(pg_catalog.<>) 'empty'
		AND s.pid IN (SELECT b.pid FROM pg_catalog.pg_locks b
			WHERE b.locktype OPERATOR(pg_catalog.=) 'object'
				AND b.classid OPERATOR(pg_catalog.=)
					'pg_catalog.pg_extension'::pg_catalog.regclass
				AND b.objsubid OPERATOR(pg_catalog.=) 1::smallint
				AND b.granted)
)
SELECT u.account, l.source, u.pid, g.started_at, g.requests,
	g.items_sent,
	COALESCE(g.run_items, g.items_sent OPERATOR(pg_catalog.+) (
		SELECT pg_catalog.count(*) FROM joor.queue q
		WHERE q.serverid OPERATOR(pg_catalog.=) u.serverid)) AS items_total,
	g.bytes
FROM under_way u
CROSS JOIN LATERAL (
	SELECT r.source, COALESCE(r.run, r.id) AS run FROM joor.request r
	WHERE r.serverid OPERATOR(pg_catalog.=) u.serverid
		AND r.pid OPERATOR(pg_catalog.=) u.pid
	ORDER BY r.serverid DESC, r.id DESC LIMIT 1) l
CROSS JOIN LATERAL (
	SELECT pg_catalog.min(r.started_at) AS started_at,
		pg_catalog.count(*) AS requests,
		COALESCE(pg_catalog.sum(r.items) FILTER (
			WHERE r.outcome OPERATOR(pg_catalog.=) ANY
				('{delivered,partly_rejected,unknown}'::text[])), 0)::bigint
			AS items_sent,
		pg_catalog.max(r.run_items) AS run_items,
		pg_catalog.sum(r.bytes)::bigint AS bytes
	FROM joor.request r
	WHERE r.serverid OPERATOR(pg_catalog.=) u.serverid
		AND r.id OPERATOR(pg_catalog.>=) l.run
		AND COALESCE(r.run, r.id) OPERATOR(pg_catalog.=) l.run) g;
COMMENT ON VIEW joor.progress IS
	'pushes and drains that are under way';
COMMENT ON COLUMN joor.progress.account IS 'name of the foreign server';
COMMENT ON COLUMN joor.progress.source IS
	'what is under way: push, or worker for a drain of the queue';
COMMENT ON COLUMN joor.progress.pid IS 'the process that sends';
COMMENT ON COLUMN joor.progress.started_at IS 'when its first request started';
COMMENT ON COLUMN joor.progress.requests IS 'requests so far';
COMMENT ON COLUMN joor.progress.items_sent IS 'items that JOOR took so far';
COMMENT ON COLUMN joor.progress.items_total IS
	'of how many; for a drain, those sent and those queued now';
COMMENT ON COLUMN joor.progress.bytes IS 'size of the requests'' bodies';

--
-- A dump keeps what people have decided; what was sent belongs to this
-- database alone.
--

SELECT pg_catalog.pg_extension_config_dump('joor.account', '');
SELECT pg_catalog.pg_extension_config_dump('joor.queue_item', '');
SELECT pg_catalog.pg_extension_config_dump('joor.queue_change', '');
SELECT pg_catalog.pg_extension_config_dump('joor.feed_definition', '');
SELECT pg_catalog.pg_extension_config_dump('joor.published_item', '');
SELECT pg_catalog.pg_extension_config_dump('joor.queue_id_seq', '');

--
-- Rights: nothing for PUBLIC
--

REVOKE ALL ON SCHEMA joor FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA joor FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA joor FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA joor FROM PUBLIC;
