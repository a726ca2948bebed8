-- Who may do what: each function and each relation of the extension, tried by
-- roles with nothing, with EXECUTE, with USAGE on the server, and by the owners
-- of server and feed.  An object that has no row here fails the test.
CREATE EXTENSION joor_inventory;
CREATE ROLE joor_nobody;
CREATE ROLE joor_bare;
CREATE ROLE joor_user;
CREATE ROLE joor_owner;
CREATE ROLE joor_feeder;
CREATE ROLE joor_monitor;
CREATE SERVER s FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://127.0.0.1:9/v2');
CREATE SERVER other FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://127.0.0.1:9/v2');
GRANT USAGE ON FOREIGN DATA WRAPPER joor_inventory TO joor_owner;
ALTER SERVER s OWNER TO joor_owner;
SELECT joor.set_token('s', 'x');
GRANT USAGE ON FOREIGN SERVER s TO joor_user, joor_feeder;

-- nothing for PUBLIC
SELECT p.oid::regprocedure FROM pg_proc p
WHERE pronamespace = 'joor'::regnamespace AND has_function_privilege('joor_nobody', p.oid, 'EXECUTE');
SELECT c.oid::regclass, v.action FROM pg_class c,
	unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) v (action)
WHERE relnamespace = 'joor'::regnamespace AND relkind IN ('r', 'v', 'm', 'f', 'p')
	AND has_table_privilege('joor_nobody', c.oid, v.action);
SELECT c.oid::regclass, v.action FROM pg_class c, unnest('{SELECT,UPDATE,USAGE}'::text[]) v (action)
WHERE relnamespace = 'joor'::regnamespace AND relkind = 'S' AND has_sequence_privilege('joor_nobody', c.oid, v.action);
SELECT has_schema_privilege('joor_nobody', 'joor', 'USAGE') AS usage, has_schema_privilege('joor_nobody', 'joor', 'CREATE') AS "create",
	has_foreign_data_wrapper_privilege('joor_nobody', 'joor_inventory', 'USAGE') AS wrapper,
	has_server_privilege('joor_nobody', 's', 'USAGE') AS server;

-- all but joor_nobody may call everything; nobody is granted a relation
GRANT USAGE ON SCHEMA joor TO joor_bare, joor_user, joor_owner, joor_feeder, joor_monitor;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA joor TO joor_bare, joor_user, joor_owner, joor_feeder;
CREATE TABLE stock (sku int, upc text, inventory int, brand name);
INSERT INTO stock VALUES (1, '1', 1, 'joor_feeder'), (2, '2', 2, 'joor_user'), (3, '3', 3, 'joor_owner');
GRANT SELECT ON stock TO PUBLIC;
GRANT TRIGGER ON stock TO joor_feeder, joor_user;
SET ROLE joor_feeder;
SELECT joor.create_feed('f', 'SELECT sku, upc, inventory FROM public.stock', 's', 'sku');
SELECT joor.watch('f', 'stock', 'sku');
RESET ROLE;
INSERT INTO joor.rejection (serverid, server, source, "position", upc, inventory, rejected_at)
	SELECT oid, srvname, 'joor', '{"upc":"1"}', '1', 1, now() FROM pg_foreign_server WHERE srvname = 's';

CREATE TABLE attempt (number int GENERATED ALWAYS AS IDENTITY, function regprocedure, call text);
INSERT INTO attempt (function, call) VALUES
	('joor.fdw_validator(text[], oid)', $$joor.fdw_validator('{}', 'pg_user_mapping'::regclass)$$),
	('joor.set_token(text, text, name)', $$joor.set_token('s', 't')$$),
	('joor.set_token(text, text, name)', $$joor.set_token('s', 't', 'joor_user')$$),
	('joor.activate(text)', $$joor.activate('s')$$),
	('joor.pause(text)', $$joor.pause('s')$$),
	('joor.resume(text)', $$joor.resume('s')$$),
	('joor.deactivate(text)', $$joor.deactivate('s')$$),
	('joor.preview(text, text, boolean, boolean, text)', $$joor.preview('SELECT upc, inventory FROM public.stock', 's')$$),
	('joor.push(text, text, boolean, boolean, text, boolean)', $$joor.push('SELECT upc, inventory FROM public.stock', 's')$$),
	('joor.push(text, text, boolean, boolean, text, boolean)', $$joor.push('SELECT upc, inventory FROM public.stock', 'other')$$),
	('joor.push_sku(text, text, bigint, text, text, text, date, text, text, boolean)', $$joor.push_sku('a', 'b', 1, upc => '1', server => 's')$$),
	('joor.enqueue(text, text, boolean)', $$joor.enqueue('SELECT upc, inventory FROM public.stock', 's')$$),
	('joor.enqueue(text, text, boolean)', $$joor.enqueue('SELECT upc, inventory FROM public.stock', 'other')$$),
	('joor.wait(text, interval)', $$joor.wait('s', '0')$$),
	('joor.retry(bigint[])', $$joor.retry(1)$$),
	('joor.stop_worker()', $$joor.stop_worker()$$),
	('joor.start_worker()', NULL),	-- that starts one, in test/t/021_worker_life.pl
	('joor.mark_changed()', $$joor.mark_changed()$$),
	('joor.create_feed(text, text, text, text)', $$joor.create_feed('g', 'SELECT upc, inventory FROM public.stock', 's', 'upc')$$),
	('joor.create_feed(text, text, text, text)', $$joor.create_feed('g', 'SELECT upc, inventory FROM public.stock', 'other', 'upc')$$),
	('joor.alter_feed(text, text, text, text)', $$joor.alter_feed('f', query => 'SELECT sku, upc, 0 AS inventory FROM public.stock')$$),
	('joor.alter_feed(text, text, text, text)', $$joor.alter_feed('f', server => 'other')$$),
	('joor.drop_feed(text)', $$joor.drop_feed('f')$$),
	('joor.watch(text, regclass, text, text[])', $$joor.watch('f', 'public.stock', 'sku')$$),
	('joor.unwatch(text, regclass)', $$joor.unwatch('f', 'public.stock')$$),
	('joor.sync(text, boolean)', $$joor.sync('f')$$),
	('joor.drift(text)', $$joor.drift('f')$$),
	('joor.push_feed(text, boolean, text, boolean)', $$joor.push_feed('f')$$),
	('joor.stat_reset(text)', $$joor.stat_reset('s')$$),
	('joor.doctor()', $$joor.doctor()$$),
	('joor.report(interval)', $$joor.report()$$),
	('joor.report_period()', $$joor.report_period()$$),
	('joor.library()', $$joor.library()$$),
	('joor.inspect_account(oid, oid)', $$joor.inspect_account((SELECT pg_catalog.max(oid) FROM pg_catalog.pg_foreign_server), 10)$$);
SELECT p.oid::regprocedure AS "without an attempt" FROM pg_proc p
WHERE pronamespace = 'joor'::regnamespace AND p.oid NOT IN (SELECT function FROM attempt);

-- Whether a role may: what fails for lack of rights, or not.
CREATE FUNCTION may(who name, call text, path text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_catalog.set_config('role', who, true);
	PERFORM pg_catalog.set_config('search_path', path, true);
	BEGIN
		EXECUTE call;
		RAISE 'undo' USING ERRCODE = 'P0999';
	EXCEPTION
		WHEN insufficient_privilege THEN call := '-';
		WHEN SQLSTATE 'P0999' THEN call := 'yes';
		WHEN OTHERS THEN call := SQLSTATE;
	END;
	PERFORM pg_catalog.set_config('role', 'none', true);
	PERFORM pg_catalog.set_config('search_path', 'public, pg_catalog', true);
	RETURN call;
END$$;
CREATE VIEW trial AS
SELECT number, call, 'SELECT * FROM ' || call AS statement FROM attempt WHERE call IS NOT NULL;
SET client_min_messages = error;
SELECT call, may('joor_nobody', statement, '') AS nobody, may('joor_bare', statement, '') AS bare,
	may('joor_user', statement, '') AS "user", may('joor_owner', statement, '') AS owner, may('joor_feeder', statement, '') AS feeder
FROM trial ORDER BY number;

-- Relations: nobody writes, a monitor reads what he was granted.
CREATE VIEW relation AS
SELECT c.oid::regclass AS name, a.action,
	CASE a.action
		WHEN 'select' THEN format('SELECT * FROM %s', c.oid::regclass)
		WHEN 'insert' THEN format('INSERT INTO %s DEFAULT VALUES', c.oid::regclass)
		WHEN 'update' THEN format('UPDATE %s SET %I = NULL', c.oid::regclass, (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = 1))
		WHEN 'delete' THEN format('DELETE FROM %s', c.oid::regclass)
		WHEN 'truncate' THEN format('TRUNCATE %s', c.oid::regclass)
		WHEN 'lock' THEN format('LOCK TABLE %s', c.oid::regclass)
		WHEN 'trigger' THEN format('CREATE TRIGGER t AFTER INSERT ON %s EXECUTE FUNCTION public.nothing()', c.oid::regclass)
		WHEN 'drop' THEN format('DROP %s %s', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass)
		WHEN 'alter' THEN format('ALTER TABLE %s OWNER TO joor_bare', c.oid::regclass)
	END AS statement
FROM pg_class c, unnest('{select,insert,update,delete,truncate,lock,trigger,drop,alter}'::text[]) WITH ORDINALITY a (action, place)
WHERE relnamespace = 'joor'::regnamespace AND relkind NOT IN ('i', 'S', 'c') AND relname <> 'feed_f';
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
SELECT action, count(*) > 0 AS tried, count(*) FILTER (WHERE may('joor_bare', statement, '') = 'yes') AS bare,
	count(*) FILTER (WHERE may('joor_owner', statement, '') = 'yes') AS owner, count(*) FILTER (WHERE may('joor_feeder', statement, '') = 'yes') AS feeder
FROM relation GROUP BY action ORDER BY action;
GRANT SELECT ON ALL TABLES IN SCHEMA joor TO joor_monitor;
SELECT name, action, may('joor_monitor', statement, '') FROM relation
WHERE (may('joor_monitor', statement, '') = 'yes') <> (action = 'select') ORDER BY 1, 2;
-- (of these two, joor.doctor and joor.report are the way to read them)
REVOKE SELECT ON ALL TABLES IN SCHEMA joor FROM joor_monitor;
-- the feed's owner owns its view, and cannot make it another's, nor another
SELECT statement, may('joor_feeder', statement, '') FROM (VALUES
	('SELECT * FROM joor.feed_f'), ('ALTER VIEW joor.feed_f OWNER TO joor_user'), ('ALTER VIEW joor.feed_f RENAME TO feed_g'),
	('CREATE OR REPLACE VIEW joor.feed_f AS SELECT 1 AS sku, NULL::text AS upc, 1 AS inventory'), ('CREATE TABLE joor.mine ()'),
	('ALTER EXTENSION joor_inventory UPDATE'), ('DROP EXTENSION joor_inventory'), ('ALTER FOREIGN DATA WRAPPER joor_inventory NO VALIDATOR'),
	('CREATE SERVER mine FOREIGN DATA WRAPPER joor_inventory OPTIONS (url ''https://mine'')'),
	('ALTER SERVER s OPTIONS (SET url ''https://mine'')'), ('SELECT umoptions::text::int FROM pg_user_mappings WHERE umoptions IS NOT NULL'),
	('CREATE TRIGGER mine AFTER INSERT ON public.stock FOR EACH ROW EXECUTE FUNCTION joor.mark_changed(''f'', ''sku'')')) v (statement);

-- A hostile search_path: no operator and no function of it is ever reached.
CREATE SCHEMA trap;
CREATE SEQUENCE trap.reached;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
GRANT USAGE ON SEQUENCE trap.reached TO PUBLIC;
DO $$
DECLARE
	t regtype;
	o text;
	f text;
BEGIN
	FOREACH t IN ARRAY '{oid,name,text,smallint,integer,bigint,boolean,timestamptz,"char",xid8,numeric,date,interval}'::regtype[]
	LOOP
		EXECUTE format('CREATE FUNCTION trap.f(%1$s, %1$s) RETURNS boolean LANGUAGE sql AS ''SELECT pg_catalog.nextval(''''trap.reached'''') IS NULL''', t);
		FOREACH o IN ARRAY '{=,<>,<,>,<=,>=,~,+,-}'::text[]
		LOOP
			EXECUTE format('CREATE OPERATOR trap.%2$s (FUNCTION = trap.f, LEFTARG = %1$s, RIGHTARG = %1$s)', t, o);
		END LOOP;
		FOREACH f IN ARRAY '{md5,upper,lower,length,quote_literal,quote_ident,unnest,count,min,max,sum,to_regclass}'::text[]
		LOOP
			EXECUTE format('CREATE FUNCTION trap.%2$s(%1$s) RETURNS %1$s LANGUAGE sql AS ''SELECT pg_catalog.nextval(''''trap.reached''''); SELECT $1''', t, f);
		END LOOP;
	END LOOP;
	EXECUTE 'CREATE FUNCTION trap.g(text, text) RETURNS text LANGUAGE sql AS ''SELECT pg_catalog.nextval(''''trap.reached'''')::text''';
	EXECUTE 'CREATE OPERATOR trap.|| (FUNCTION = trap.g, LEFTARG = text, RIGHTARG = text)';
	FOREACH f IN ARRAY '{now,clock_timestamp,statement_timestamp,pg_control_system,current_database,pg_is_in_recovery,txid_current}'::text[]
	LOOP
		EXECUTE format('CREATE FUNCTION trap.%s() RETURNS text LANGUAGE sql AS ''SELECT pg_catalog.nextval(''''trap.reached'''')::text''', f);
	END LOOP;
	CREATE FUNCTION trap.nextval(regclass) RETURNS bigint LANGUAGE sql AS 'SELECT pg_catalog.nextval(''trap.reached'')';
	CREATE DOMAIN trap.text AS pg_catalog.text CHECK (pg_catalog.nextval('trap.reached') IS NULL);
	CREATE DOMAIN trap.oid AS pg_catalog.oid CHECK (pg_catalog.nextval('trap.reached') IS NULL);
	CREATE TABLE trap.pg_class (oid oid);
	CREATE TABLE trap.pg_trigger (oid oid);
	CREATE TABLE trap.pg_foreign_server (oid oid);
END$$;
SELECT call, "user", owner, feeder FROM (
	SELECT number, call, may('joor_user', statement, 'trap, pg_catalog, public') AS "user", may('joor_owner', statement, 'trap, pg_catalog, public') AS owner,
		may('joor_feeder', statement, 'trap, pg_catalog, public') AS feeder,
		may('joor_user', statement, '') AS u, may('joor_owner', statement, '') AS o, may('joor_feeder', statement, '') AS f
	FROM trial) t
WHERE ("user", owner, feeder) IS DISTINCT FROM (u, o, f) ORDER BY number;
-- (joor.feed calls pg_get_viewdef(), which core runs with the reader's own path and rights)
SELECT name, may(session_user, 'SELECT * FROM ' || name, 'trap, pg_catalog, public') FROM relation
WHERE action = 'select' AND name <> 'joor.feed'::regclass AND may(session_user, 'SELECT * FROM ' || name, 'trap, pg_catalog, public') <> 'yes';
SELECT is_called AS "the trap was reached" FROM trap.reached;

-- Row-level security is the caller's for a query, the owner's for a feed.
ALTER TABLE stock ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON stock USING (brand = current_user);
GRANT SELECT ON joor.feed_f TO joor_owner;
SET ROLE joor_owner;
SELECT body ~ '<upc>3<' AS own, body ~ '<upc>[12]<' AS others, items FROM joor.preview('SELECT upc, inventory FROM public.stock', 's');
SELECT joor.enqueue('SELECT upc, inventory FROM public.stock', 's');
SELECT upc FROM joor.drift('f');
SELECT joor.sync('f');
RESET ROLE;
SELECT user_name, upc, feed, keys FROM joor.queue ORDER BY id;
SELECT upc FROM joor.drift('f');
-- the owner loses his rights: so does the feed, whoever reads it
REVOKE SELECT ON stock FROM PUBLIC;
SELECT upc FROM joor.drift('f');
SELECT joor.sync('f');

DROP SCHEMA trap CASCADE;
DROP VIEW trial, relation;
DROP TABLE attempt;
DROP FUNCTION may, nothing;
DROP EXTENSION joor_inventory CASCADE;
DROP TABLE stock;
DROP ROLE joor_nobody, joor_bare, joor_user, joor_owner, joor_feeder, joor_monitor;
