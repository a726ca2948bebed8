-- Feeds and watches as objects: what is refused when they are made, who may
-- make them, with whose rights they run, which triggers a watch is, and what
-- becomes of them when the things they depend on change.
CREATE EXTENSION joor_inventory;
CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://127.0.0.1:9/v2');
CREATE SERVER other FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://127.0.0.1:9/v2', warehouses 'Paris');
CREATE TABLE stock (sku_id integer, upc text, bin text, on_hand integer);
INSERT INTO stock VALUES (1, '001', 'a', 5), (1, '001', 'b', 2), (2, '002', 'a', 7);
\pset format unaligned

-- What cannot be a feed: its arguments
SELECT joor.create_feed('stock', 'SELECT upc, on_hand AS inventory, sku_id FROM stock');
SELECT joor.create_feed(NULL, 'SELECT 1', key => 'upc');
SELECT joor.create_feed('', 'SELECT 1', key => 'upc');
SELECT joor.create_feed(repeat('n', 59), 'SELECT 1', key => 'upc');
SELECT joor.create_feed('stock', 'SELECT upc, on_hand AS inventory, sku_id FROM stock', 'nowhere', 'sku_id');
-- its query
SELECT joor.create_feed('stock', 'SELECT upc, on_hand AS inventory FROM stock', key => 'sku_id');
SELECT joor.create_feed('stock', 'SELECT upc, on_hand AS inventory, sku_id, bin FROM stock', key => 'sku_id');
SELECT joor.create_feed('stock', 'SELECT upc, on_hand AS inventory, sku_id FROM nothing', key => 'sku_id');
SELECT joor.create_feed('stock', 'SELECT 1; SELECT 2', key => 'sku_id');
SELECT joor.create_feed('stock', 'SELECT upc, on_hand AS inventory, sku_id FROM stock WHERE sku_id = $1', key => 'sku_id');
SELECT joor.create_feed('stock', 'SELECT upc, on_hand AS inventory, sku_id INTO copy FROM stock', key => 'sku_id');
SELECT joor.create_feed('stock', 'SELECT upc, on_hand AS inventory, sku_id FROM stock FOR UPDATE', key => 'sku_id');
SELECT joor.create_feed('stock', 'DELETE FROM stock RETURNING upc, on_hand AS inventory, sku_id', key => 'sku_id');
SELECT joor.create_feed('stock', 'WITH d AS (DELETE FROM stock RETURNING *) SELECT upc, on_hand AS inventory, sku_id FROM d', key => 'sku_id');
CREATE TEMP TABLE passing (sku_id integer, upc text, inventory integer);
SELECT joor.create_feed('stock', 'SELECT * FROM passing', key => 'sku_id');
DROP TABLE passing;
-- its rows
SELECT joor.create_feed('stock', 'SELECT upc, on_hand AS inventory, sku_id FROM stock', key => 'sku_id');
SELECT joor.create_feed('stock', $$SELECT upc, -1.5 AS inventory, sku_id FROM stock WHERE bin = 'a'$$, key => 'sku_id');
SELECT joor.create_feed('stock', $$SELECT upc, 1 AS inventory, 'Rome'::text AS warehouse, sku_id FROM stock WHERE bin = 'a'$$, 'other', 'sku_id');
SELECT joor.create_feed('stock', $$SELECT upc, 1 AS inventory, nullif(sku_id, 2) AS "Key" FROM stock WHERE bin = 'a'$$, key => 'Key');
-- the type of its key
CREATE TYPE pair AS (a integer, b integer);
CREATE TYPE season AS ENUM ('spring', 'autumn');
CREATE DOMAIN sku AS integer;
CREATE FUNCTION try_key(value text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM joor.create_feed('k', format('SELECT ''1''::text AS upc, 1 AS inventory, %s AS k', value), key => 'k');
	PERFORM joor.drop_feed('k');
	RETURN 'yes';
EXCEPTION WHEN datatype_mismatch THEN RETURN SQLERRM;
END $$;
SELECT v AS value, try_key(v) FROM unnest(ARRAY['1', '1::smallint', '1::bigint', '1.5', $$'x'::text$$,
	$$'x'::varchar(3)$$, $$'x'::char(3)$$, $$'x'::name$$, $$'x'::"char"$$, 'gen_random_uuid()', 'DATE ''2031-01-01''',
	'LOCALTIMESTAMP', 'true', $$'spring'::season$$, '1::sku', $$'{}'::jsonb$$,
	'now()', $$'1:00+01'::timetz$$, $$'1 day'::interval$$, '1::real', '1::float8', $$'1'::money$$, $$'x'::bytea$$,
	'ARRAY[1]', '(1,2)::pair', $$'{}'::json$$, $$'<x/>'::xml$$, $$'::1'::inet$$]) v;
DROP FUNCTION try_key;

-- A feed is a view.
SELECT joor.create_feed('stock', 'SELECT sku_id, upc, sum(on_hand) AS inventory FROM stock GROUP BY 1, 2; -- the sum', key => 'sku_id');
SELECT joor.create_feed('stock', 'SELECT sku_id, upc, on_hand AS inventory FROM stock', key => 'sku_id');
SELECT joor.create_feed('definition', $$SELECT upc, 1 AS inventory FROM stock WHERE bin = 'a'$$, key => 'upc');
SELECT name, account, owner = current_user AS mine, replace(query, 'stock.', '') AS query, key, watched, queued, oldest, failed_at, failure, view FROM joor.feed;
SELECT * FROM joor.feed_stock ORDER BY 1;
CREATE TABLE "Odd ""name" (k text, upc text, n integer);
SELECT joor.create_feed('Odd "näme''\', $$SELECT upc, n AS inventory, k AS "K ""1" FROM "Odd ""name"$$, 'other', 'K "1');
SELECT name, account, key, view FROM joor.feed ORDER BY 1;
SELECT joor.watch('Odd "näme''\', '"Odd ""name"', 'k', '{n}');
SELECT "table", trigger, key, columns, for_each_row, problem FROM joor.watch_trigger ORDER BY 1, 2;
SELECT joor.drop_feed('Odd "näme''\');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'joor%';
DROP TABLE "Odd ""name";

-- Watching: errors
CREATE VIEW stock_view AS SELECT * FROM stock;
CREATE MATERIALIZED VIEW stock_copy AS SELECT * FROM stock;
CREATE TEMP TABLE stock_temp (LIKE stock);
CREATE FOREIGN DATA WRAPPER nobody;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nobody;
CREATE FOREIGN TABLE stock_foreign (sku_id integer) SERVER nowhere;
CREATE SEQUENCE stock_sequence;
SELECT joor.watch('nothing', 'stock', 'sku_id');
SELECT joor.watch('stock', 'stock_view', 'sku_id');
SELECT joor.watch('stock', 'stock_copy', 'sku_id');
SELECT joor.watch('stock', 'stock_temp', 'sku_id');
SELECT joor.watch('stock', 'stock_foreign', 'sku_id');
SELECT joor.watch('stock', 'stock_sequence', 'sku_id');
SELECT joor.watch('stock', 'pg_class', 'oid');
SELECT joor.watch('stock', 'stock', 'sku');
SELECT joor.watch('stock', 'stock', 'ctid');
SELECT joor.watch('stock', 'stock', 'upc');
SELECT joor.watch('stock', 'stock', 'sku_id', '{on_hand,reserved}');
SELECT joor.watch('stock', 'stock', 'sku_id', '{}');
SELECT joor.watch('stock', 'stock', 'sku_id', '{NULL}');
SELECT joor.watch('stock', NULL, 'sku_id');
SELECT joor.watch('stock', 'stock', NULL);
SELECT joor.unwatch('stock', 'stock');
SELECT joor.unwatch('nothing', 'stock');
DROP VIEW stock_view;
DROP MATERIALIZED VIEW stock_copy;
DROP TABLE stock_temp;
DROP FOREIGN DATA WRAPPER nobody CASCADE;
DROP SEQUENCE stock_sequence;

-- Which columns fit which keys
CREATE TABLE keys (i2 smallint, i8 bigint, n numeric, n10 numeric(10), v varchar(9), c char(4), e season, b boolean, d sku, at timestamptz);
SELECT joor.create_feed('number', $$SELECT upc, 1 AS inventory, n10 FROM stock, keys$$, key => 'n10');
SELECT joor.create_feed('word', $$SELECT upc, 1 AS inventory, v FROM stock, keys$$, key => 'v');
SELECT joor.create_feed('padded', $$SELECT upc, 1 AS inventory, c FROM stock, keys$$, key => 'c');
CREATE FUNCTION try_watch(feed text, key text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM joor.watch(feed, 'keys', key);
	RETURN 'yes';
EXCEPTION WHEN datatype_mismatch THEN RETURN 'no';
END $$;
SELECT f AS feed, attname AS key, try_watch(f, attname)
FROM unnest('{stock,number,word,padded}'::text[]) WITH ORDINALITY u (f, o), pg_attribute
WHERE attrelid = 'keys'::regclass AND attnum > 0 ORDER BY o, attnum;
SELECT joor.drop_feed('number'), joor.drop_feed('word'), joor.drop_feed('padded'), joor.unwatch('stock', 'keys');
DROP FUNCTION try_watch;
DROP TABLE keys;

-- A plain table: triggers that always fire; again, with columns
SELECT joor.watch('stock', 'stock', 'sku_id');
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'stock'::regclass ORDER BY 1;
ALTER TABLE stock ADD note json, ADD place pair, ADD tags text[], ADD total integer GENERATED ALWAYS AS (on_hand * 2) STORED;
SELECT joor.watch('stock', 'stock', 'sku_id', '{total,upc,note,place,tags}');
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'stock'::regclass ORDER BY tgname;
SELECT "table", trigger, key, columns, for_each_row, problem FROM joor.watch_trigger ORDER BY 1, 2;
SELECT watched FROM joor.feed;

-- what it marks: not what changes nothing that is watched, but what a
-- generated column or a BEFORE trigger changes
CREATE VIEW marked AS SELECT id, (SELECT array_agg(k ORDER BY k) FROM unnest(keys) k) AS keys FROM joor.queue_change;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.note := '{"by": "trigger"}'; RETURN NEW; END$$;
INSERT INTO stock (sku_id, upc, bin, on_hand) VALUES (8, '008', 'a', 1), (9, '009', 'a', 1);
UPDATE stock SET bin = lower(bin);
UPDATE stock SET on_hand = on_hand + 1 WHERE sku_id = 8;
CREATE TRIGGER touch BEFORE UPDATE ON stock FOR EACH ROW WHEN (OLD.sku_id = 9) EXECUTE FUNCTION touch();
UPDATE stock SET bin = lower(bin);
UPDATE stock SET bin = lower(bin);
DROP TRIGGER touch ON stock;
UPDATE stock SET sku_id = 7 WHERE sku_id = 9;
DELETE FROM stock WHERE sku_id > 6;
SELECT keys FROM marked ORDER BY id;
TRUNCATE joor.queue_change;
DROP FUNCTION touch;

-- What the table goes through, the watch goes through.
ALTER TABLE stock RENAME TO level;
SELECT watched FROM joor.feed;
ALTER TABLE level RENAME COLUMN sku_id TO sku;
SELECT watched, query LIKE '%level%' AS follows FROM joor.feed;
SELECT joor.watch('stock', 'level', 'sku', '{on_hand}');
SELECT watched FROM joor.feed;
ALTER TABLE level DISABLE TRIGGER ALL;
SELECT watched FROM joor.feed;
SELECT joor.watch('stock', 'level', 'sku');
ALTER TABLE level DROP COLUMN total;
ALTER TABLE level DROP COLUMN on_hand;
ALTER TABLE level RENAME TO stock;
ALTER TABLE stock RENAME COLUMN sku TO sku_id;
SELECT joor.unwatch('stock', 'stock');
SELECT watched FROM joor.feed;

-- Partitions: rows by the parent's triggers, TRUNCATE by each one's own
CREATE TABLE part (sku_id integer, n integer) PARTITION BY RANGE (sku_id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10) PARTITION BY LIST (sku_id);
CREATE TABLE part1a PARTITION OF part1 FOR VALUES IN (1, 2);
SELECT joor.watch('stock', 'part1a', 'sku_id');
SELECT joor.watch('stock', 'part', 'sku_id', '{n}');
CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (10) TO (20);
SELECT tgrelid::regclass, tgname, tgenabled, tgparentid <> 0 AS from_parent FROM pg_trigger
WHERE tgname LIKE 'joor%' ORDER BY tgrelid::regclass::text, tgname;
SELECT joor.watch('stock', 'part', 'sku_id');
SELECT "table", trigger FROM joor.watch_trigger ORDER BY "table"::text, trigger;
SELECT watched FROM joor.feed;
INSERT INTO part VALUES (1, 1), (11, 1);
UPDATE part1a SET n = 1;
UPDATE part SET n = 2;
TRUNCATE part1a;
SELECT keys FROM marked ORDER BY id;
TRUNCATE joor.queue_change;
SELECT joor.unwatch('stock', 'part');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'joor%';
DROP TABLE part;

-- Inheritance: all of them on each child
CREATE TABLE parent (sku_id integer, n integer);
CREATE TABLE child (extra text) INHERITS (parent);
CREATE TABLE grandchild () INHERITS (child);
SELECT joor.watch('stock', 'parent', 'sku_id');
CREATE TABLE late () INHERITS (parent);
SELECT "table", trigger FROM joor.watch_trigger ORDER BY "table"::text, trigger;
SELECT joor.watch('stock', 'parent', 'sku_id');
SELECT "table", count(*) FROM joor.watch_trigger GROUP BY 1 ORDER BY "table"::text;
INSERT INTO grandchild VALUES (5, 1);
UPDATE parent SET n = 2;
TRUNCATE ONLY child;
SELECT keys FROM marked ORDER BY id;
TRUNCATE joor.queue_change;
SELECT joor.unwatch('stock', 'parent');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'joor%';
DROP TABLE parent CASCADE;

DROP VIEW marked;

-- Names: two feeds whose triggers would have the same, and long ones
SELECT joor.create_feed('stock_update', $$SELECT upc, sku_id, 1 AS inventory FROM stock WHERE bin = 'a'$$, key => 'sku_id');
SELECT joor.create_feed(repeat('é', 29), $$SELECT upc, sku_id, 1 AS inventory FROM stock WHERE bin = 'a'$$, key => 'sku_id');
SELECT joor.watch(name, 'stock', 'sku_id') FROM joor.feed;
SELECT trigger, feed FROM joor.watch_trigger ORDER BY trigger COLLATE "C";
SELECT joor.drop_feed(name) FROM joor.feed WHERE name <> 'stock';
SELECT joor.unwatch('stock', 'stock');

-- Altering: the same columns keep the view, others make it anew; grants stay.
CREATE ROLE joor_reader;
GRANT SELECT ON joor.feed_stock TO joor_reader;
UPDATE joor.feed_definition SET failed_at = now(), failure = 'x';
SELECT 'joor.feed_stock'::regclass::oid AS before \gset
SELECT joor.alter_feed('stock', 'SELECT sku_id, upc, count(*) AS inventory FROM stock GROUP BY 1, 2');
SELECT query LIKE '%count(*)%' AS changed, failed_at, failure, view::oid = :before AS same_view FROM joor.feed;
SELECT joor.alter_feed('stock', 'SELECT upc::varchar, sku_id::bigint AS id, 1 AS inventory FROM stock GROUP BY 1, 2', 'other', 'id');
SELECT query LIKE '%varying%' AS changed, key, account, view::oid = :before AS same_view, has_table_privilege('joor_reader', 'joor.feed_stock', 'SELECT') AS granted FROM joor.feed;
DROP OWNED BY joor_reader;
DROP ROLE joor_reader;
SELECT joor.alter_feed('stock', key => 'upc');
SELECT key FROM joor.feed;
SELECT joor.alter_feed('stock', server => 'joor');
SELECT joor.alter_feed('stock', key => 'nothing');
SELECT joor.alter_feed('stock', 'SELECT upc, sku_id, 1 AS inventory FROM stock');
SELECT joor.alter_feed('stock', server => 'nowhere');
SELECT joor.alter_feed('nothing');
SELECT account, key FROM joor.feed;
-- another key: watches must fit it, and keys that wait become everything
SELECT joor.alter_feed('stock', 'SELECT upc, sku_id, 1 AS inventory FROM stock GROUP BY 1, 2', key => 'sku_id');
SELECT joor.watch('stock', 'stock', 'sku_id');
TRUNCATE joor.queue_change;
UPDATE stock SET bin = bin;
SELECT joor.alter_feed('stock', 'SELECT upc, sku_id, 2 AS inventory FROM stock GROUP BY 1, 2');
SELECT keys FROM joor.queue_change ORDER BY id;
SELECT joor.alter_feed('stock', 'SELECT DISTINCT upc, 2 AS inventory FROM stock', key => 'upc');
SELECT joor.watch('stock', 'stock', 'upc');
SELECT joor.alter_feed('stock', 'SELECT upc, sku_id, 2 AS inventory FROM stock GROUP BY 1, 2', key => 'sku_id');
SELECT keys FROM joor.queue_change ORDER BY id;
TRUNCATE joor.queue_change;
SELECT joor.unwatch('stock', 'stock');
SELECT joor.alter_feed('stock', 'SELECT upc, sku_id AS id, 1 AS inventory FROM stock GROUP BY 1, 2', key => 'id');
TRUNCATE joor.queue_change;
CREATE VIEW on_top AS SELECT * FROM joor.feed_stock;
SELECT joor.alter_feed('stock', 'SELECT upc, 2 AS inventory, sku_id AS id FROM stock GROUP BY 1, 3');
SELECT joor.drop_feed('stock');
DROP VIEW on_top;

-- What a feed stands on
DROP TABLE stock;
ALTER TABLE stock DROP COLUMN upc;
ALTER SERVER joor RENAME TO renamed;
SELECT account FROM joor.feed;
SELECT joor.alter_feed('stock', key => 'id');
ALTER SERVER renamed RENAME TO joor;
DROP SERVER joor;
SELECT joor.alter_feed('stock', key => 'upc');
SELECT joor.watch('stock', 'stock', 'sku_id');
SELECT joor.alter_feed('stock', server => 'other');
SELECT account FROM joor.feed;
DROP VIEW joor.feed_stock;
SELECT name, owner, query, view FROM joor.feed;
SELECT joor.alter_feed('stock', key => 'upc');
SELECT joor.watch('stock', 'stock', 'sku_id');
INSERT INTO joor.queue_change VALUES ('stock', 1, 0, now(), '3', '{1}'), ('else', 1, 0, now(), '3', '{1}');
INSERT INTO joor.published_item (serverid, server, hash, feed, key) VALUES (1, 'joor', 1, 'stock', '1'), (2, 'other', 2, 'stock', NULL), (2, 'other', 3, 'else', '1');
SELECT queued, oldest IS NOT NULL AS since FROM joor.feed;
SELECT joor.drop_feed('stock');
SELECT count(*) FROM joor.feed;
SELECT feed FROM joor.queue_change;
SELECT hash, feed, key FROM joor.published_item ORDER BY hash;
SELECT joor.drop_feed('stock');

-- Rights
CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://127.0.0.1:9/v2');
CREATE ROLE joor_maker;
CREATE ROLE joor_else;
GRANT USAGE ON SCHEMA joor TO joor_maker, joor_else;
GRANT EXECUTE ON FUNCTION joor.create_feed, joor.alter_feed, joor.drop_feed, joor.watch, joor.unwatch TO joor_maker, joor_else;
SET ROLE joor_maker;
SELECT joor.create_feed('stock', $$SELECT upc, sku_id, 1 AS inventory FROM stock WHERE bin = 'a'$$, key => 'sku_id');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER joor TO joor_maker, joor_else;
SET ROLE joor_maker;
SELECT joor.create_feed('stock', $$SELECT upc, sku_id, 1 AS inventory FROM stock WHERE bin = 'a'$$, key => 'sku_id');
RESET ROLE;
GRANT SELECT ON stock TO joor_maker;
SET ROLE joor_maker;
SELECT joor.create_feed('stock', $$SELECT upc, sku_id, 1 AS inventory FROM stock WHERE bin = 'a'$$, key => 'sku_id');
SELECT relowner::regrole FROM pg_class WHERE relname = 'feed_stock';
CREATE VIEW joor.feed_mine AS SELECT 1;
SELECT joor.watch('stock', 'stock', 'sku_id');
RESET ROLE;
GRANT TRIGGER ON stock TO joor_maker, joor_else;
SET ROLE joor_else;
SELECT joor.watch('stock', 'stock', 'sku_id');
SELECT joor.alter_feed('stock', key => 'upc');
SELECT joor.unwatch('stock', 'stock');
SELECT joor.drop_feed('stock');
SELECT * FROM joor.feed;
SELECT * FROM joor.feed_stock;
SET ROLE joor_maker;
SELECT joor.watch('stock', 'stock', 'sku_id');
SELECT joor.alter_feed('stock', $$SELECT upc, sku_id, 2 AS inventory FROM stock WHERE bin = 'a'$$);
RESET ROLE;
CREATE TABLE family (sku_id integer);
CREATE TABLE family_child () INHERITS (family);
GRANT TRIGGER ON family TO joor_maker;
SET ROLE joor_maker;
SELECT joor.watch('stock', 'family', 'sku_id');
RESET ROLE;
DROP TABLE family CASCADE;
-- who may read joor.feed needs nothing else
GRANT SELECT ON joor.feed TO joor_else;
SET ROLE joor_else;
SELECT name, account, owner, query <> '' AS query, watched, view FROM joor.feed;
RESET ROLE;
-- the owner's rights are what counts, as they are
REVOKE SELECT ON stock FROM joor_maker;
SELECT joor.alter_feed('stock', key => 'upc');
GRANT SELECT ON stock TO joor_maker;

-- No code of the caller's runs with other rights: neither an operator of his
-- own, nor the check of a domain in a literal, nor a function of the query.
CREATE SCHEMA trap AUTHORIZATION joor_maker;
SET ROLE joor_maker;
CREATE FUNCTION trap.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'operator reached as %', current_user; END$$;
CREATE OPERATOR trap.= (FUNCTION = trap.equal, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION trap.check_it(integer) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE 'domain checked as %', current_user; RETURN true; END$$;
CREATE DOMAIN trap.checked AS integer CHECK (trap.check_it(VALUE));
CREATE FUNCTION trap.who() RETURNS text LANGUAGE plpgsql AS $$BEGIN
	RAISE NOTICE 'read as %, search_path %, datestyle %', current_user, current_setting('search_path'), current_setting('datestyle');
	RETURN 'x'; END$$;
SET search_path = trap, pg_catalog, public;
\set VERBOSITY terse
SET datestyle = 'SQL, DMY';
SELECT joor.watch('stock', 'stock', 'sku_id', '{upc}');
RESET ROLE;
UPDATE stock SET upc = upc;
SET ROLE joor_maker;
SELECT joor.create_feed('trap', $$SELECT who() AS upc, 1 AS inventory, ('{7}'::checked[])[1]::integer AS k$$, key => 'k');
SELECT joor.alter_feed('trap', $$SELECT 'y'::text AS upc, 1 AS inventory, ('{7}'::checked[])[1]::text AS k$$);
SELECT joor.drop_feed('trap');
-- what a security-restricted operation forbids is found at once
CREATE FUNCTION trap.escape() RETURNS text LANGUAGE plpgsql AS $$BEGIN RESET ROLE; RETURN current_user; END$$;
SELECT joor.create_feed('escape', $$SELECT escape() AS upc, 1 AS inventory, 1 AS k$$, key => 'k');
CREATE FUNCTION trap.temporary() RETURNS text LANGUAGE plpgsql AS $$BEGIN CREATE TEMP TABLE x (); DROP TABLE x; RETURN 'x'; END$$;
SELECT joor.create_feed('escape', $$SELECT temporary() AS upc, 1 AS inventory, 1 AS k$$, key => 'k');
CREATE FUNCTION trap.by_path() RETURNS text LANGUAGE sql AS 'SELECT upc FROM public.stock LIMIT 1';
CREATE FUNCTION trap.needs_path() RETURNS text LANGUAGE plpgsql AS $$DECLARE one text; BEGIN EXECUTE 'SELECT upc FROM stock LIMIT 1' INTO one; RETURN one; END$$;
SELECT joor.create_feed('path', $$SELECT needs_path() AS upc, 1 AS inventory, 1 AS k$$, key => 'k');
SELECT joor.create_feed('path', $$SELECT by_path() AS upc, 1 AS inventory, 1 AS k$$, key => 'k');
\set VERBOSITY default
RESET search_path;
RESET datestyle;
RESET ROLE;
SELECT name, owner FROM joor.feed ORDER BY 1;

-- Roles come and go: feeds are passed on, or dropped with what else is owned.
REASSIGN OWNED BY joor_maker TO joor_else;
SELECT name, owner FROM joor.feed ORDER BY 1;
DROP OWNED BY joor_else CASCADE;
SELECT name, owner, view FROM joor.feed ORDER BY 1;
GRANT USAGE ON SCHEMA joor TO joor_else;
GRANT EXECUTE ON FUNCTION joor.drop_feed TO joor_else;
SET ROLE joor_else;
SELECT joor.drop_feed('path');
RESET ROLE;
SELECT joor.drop_feed('path'), joor.drop_feed('stock');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'joor%';

-- The extension does not go unnoticed.
SELECT joor.create_feed('stock', $$SELECT upc, sku_id, 1 AS inventory FROM stock WHERE bin = 'a'$$, key => 'sku_id');
SELECT joor.watch('stock', 'stock', 'sku_id');
DROP EXTENSION joor_inventory;
DROP EXTENSION joor_inventory CASCADE;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'joor%';
DROP TABLE stock;
DROP TYPE pair, season, sku;
DROP OWNED BY joor_maker, joor_else CASCADE;
DROP ROLE joor_maker, joor_else;
