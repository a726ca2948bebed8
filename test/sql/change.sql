-- joor.mark_changed(): which keys of a feed a transaction leaves in the queue.
-- No account is needed: a feed need not exist to be marked.
CREATE EXTENSION joor_inventory;
\set VERBOSITY terse

-- What the last transactions left, key by key; and nothing after it.
CREATE FUNCTION marked() RETURNS TABLE (entry bigint, feed text, keys text)
LANGUAGE sql AS $$
	WITH gone AS (DELETE FROM joor.queue_change RETURNING *)
	SELECT dense_rank() OVER (ORDER BY xid, feed), feed,
		COALESCE(string_agg(key, ' ' ORDER BY key COLLATE "C"), '(everything)')
	FROM gone LEFT JOIN LATERAL unnest(gone.keys) AS key ON true
	GROUP BY xid, feed ORDER BY xid, feed
$$;

-- A trigger of each kind, as joor.watch() makes them.
CREATE PROCEDURE watch(feed text, watched regclass, key text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION joor.mark_changed(%L, %L)',
		'mark_' || feed, watched, feed, key);
	EXECUTE format('CREATE TRIGGER %I AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION joor.mark_changed(%L, %L)',
		'mark_all_' || feed, watched, feed, key);
END $$;

CREATE TABLE stock (id serial PRIMARY KEY, sku integer, place text, on_hand integer);
CALL watch('stock', 'stock', 'sku');

-- one statement each
INSERT INTO stock (sku, place, on_hand) VALUES (1, 'a', 10), (2, 'a', 20), (1, 'b', 30), (NULL, 'a', 1);
SELECT * FROM marked();
UPDATE stock SET on_hand = on_hand - 1 WHERE place = 'a';
SELECT * FROM marked();
UPDATE stock SET sku = 3 WHERE sku = 2;
SELECT * FROM marked();
UPDATE stock SET sku = 4 WHERE sku IS NULL;
SELECT * FROM marked();
UPDATE stock SET sku = NULL WHERE sku = 4;
SELECT * FROM marked();
UPDATE stock SET on_hand = 0 WHERE sku IS NULL;
UPDATE stock SET on_hand = 0 WHERE false;
SELECT * FROM marked();
DELETE FROM stock WHERE place = 'b';
SELECT * FROM marked();
COPY stock (sku, place, on_hand) FROM stdin;
7	c	1
8	c	1
7	d	1
\.
SELECT * FROM marked();
INSERT INTO stock (id, sku, on_hand) VALUES (1, 9, 1), (100, 10, 1)
	ON CONFLICT (id) DO UPDATE SET on_hand = EXCLUDED.on_hand;
SELECT * FROM marked();
INSERT INTO stock (id, sku) VALUES (1, 9) ON CONFLICT DO NOTHING;
SELECT * FROM marked();
WITH moved AS (DELETE FROM stock WHERE sku = 10 RETURNING *)
	INSERT INTO stock SELECT id, 11, place, on_hand FROM moved;
SELECT * FROM marked();

-- a transaction is one entry, a key is in it once
BEGIN;
UPDATE stock SET on_hand = 1 WHERE sku = 7;
UPDATE stock SET on_hand = 2 WHERE sku IN (7, 8);
UPDATE stock SET on_hand = 3 WHERE sku = 7;
SELECT count(*) AS before_commit FROM joor.queue_change;
COMMIT;
SELECT * FROM marked();
BEGIN;
UPDATE stock SET on_hand = 1;
ROLLBACK;
SELECT * FROM marked();
BEGIN;
UPDATE stock SET on_hand = 1 WHERE sku = 7;
UPDATE stock SET on_hand = 1 / 0;
COMMIT;
SELECT * FROM marked();

-- what a savepoint marked may stay when it is rolled back; the rest must
BEGIN;
UPDATE stock SET on_hand = 1 WHERE sku = 7;
SAVEPOINT s;
UPDATE stock SET on_hand = 1 WHERE sku = 8;
ROLLBACK TO s;
UPDATE stock SET on_hand = 1 WHERE sku = 11;
COMMIT;
SELECT * FROM marked();
DO $$
BEGIN
	BEGIN
		UPDATE stock SET on_hand = 5 WHERE sku = 7;
		RAISE EXCEPTION 'no';
	EXCEPTION WHEN raise_exception THEN NULL;
	END;
	UPDATE stock SET on_hand = 5 WHERE sku = 8;
END $$;
SELECT * FROM marked();
-- commits inside a procedure
DO $$
BEGIN
	FOR i IN 1 .. 3 LOOP
		UPDATE stock SET on_hand = i WHERE sku = 7;
		COMMIT;
	END LOOP;
END $$;
SELECT * FROM marked();

-- TRUNCATE marks everything, whatever else was marked
TRUNCATE stock;
SELECT * FROM marked();
BEGIN;
INSERT INTO stock (sku) VALUES (1), (2);
TRUNCATE stock;
INSERT INTO stock (sku) VALUES (3);
COMMIT;
SELECT * FROM marked();
BEGIN;
TRUNCATE stock;
ROLLBACK;
SELECT * FROM marked();

-- a transaction that becomes read-only after its changes
BEGIN;
INSERT INTO stock (sku) VALUES (1);
SET TRANSACTION READ ONLY;
COMMIT;
SELECT * FROM marked();

-- what lastval() says is the application's
INSERT INTO stock (sku) VALUES (21);
SELECT lastval() = currval('stock_id_seq') AS untouched;
SELECT * FROM marked();
-- a commit takes no number: the worker gives it
INSERT INTO stock (sku) VALUES (22);
INSERT INTO stock (sku) VALUES (23);
SELECT count(*), count(id) AS numbered FROM joor.queue_change;
SELECT last_value, is_called FROM joor.queue_id_seq;
SELECT * FROM marked();

-- two feeds, and a deferred trigger that marks during the commit
CALL watch('places', 'stock', 'place');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE stock SET on_hand = 99 WHERE sku = NEW.sku + 1;
	RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON stock DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO stock (sku, place) VALUES (31, 'x'), (30, 'y');
SELECT * FROM marked();
DROP TRIGGER late ON stock;
TRUNCATE stock;
SELECT * FROM marked();
DROP TABLE stock;

-- partitions, whose columns stand in another order, and rows that move
CREATE TABLE parted (kind text, dropped date, sku bigint, on_hand integer) PARTITION BY LIST (kind);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_b (on_hand integer, other text, sku bigint, kind text, dropped date);
ALTER TABLE parted_b DROP COLUMN other;
ALTER TABLE parted ATTACH PARTITION parted_b FOR VALUES IN ('b');
ALTER TABLE parted DROP COLUMN dropped;
CREATE TRIGGER mark AFTER INSERT OR UPDATE OR DELETE ON parted
	FOR EACH ROW EXECUTE FUNCTION joor.mark_changed('parted', 'sku');
INSERT INTO parted VALUES ('a', 1, 1), ('b', 2, 2), ('a', 3, 3);
SELECT * FROM marked();
UPDATE parted SET kind = 'b' WHERE sku = 1;
SELECT * FROM marked();
UPDATE parted SET kind = 'a', sku = sku + 10 WHERE kind = 'b';
SELECT * FROM marked();
UPDATE parted_a SET on_hand = 0 WHERE sku = 3;
SELECT * FROM marked();
DELETE FROM parted;
SELECT * FROM marked();
DROP TABLE parted;

-- inheritance
CREATE TABLE base (sku integer, on_hand integer);
CREATE TABLE derived (extra text) INHERITS (base);
CALL watch('inherited', 'base', 'sku');
CALL watch('inherited', 'derived', 'sku');
INSERT INTO base VALUES (1, 1);
INSERT INTO derived VALUES (2, 2);
SELECT * FROM marked();
UPDATE base SET on_hand = 3;
SELECT * FROM marked();
DROP TABLE base CASCADE;

-- Keys of many types, always in the same form
SET datestyle = 'German';
SET intervalstyle = 'sql_standard';
CREATE TYPE mood AS ENUM ('dull', 'bright');
CREATE DOMAIN code AS text CHECK (VALUE <> '');
CREATE DOMAIN code_of_code AS code;
CREATE DOMAIN mooded AS mood;
CREATE TYPE pair AS (day date, n integer);
CREATE TABLE typed (
	c_smallint smallint, c_integer integer, c_bigint bigint, c_numeric numeric, c_text text,
	c_varchar varchar(20), c_char char(4), c_name name, c_uuid uuid, c_date date,
	c_timestamp timestamp, c_boolean boolean, c_enum mood, c_domain code_of_code,
	c_enum_domain mooded, c_pair pair, c_range daterange,
	c_generated text GENERATED ALWAYS AS (c_text || '/' || c_integer) STORED);
SELECT format('CALL watch(%L, %L, %L)', attname, 'typed', attname)
FROM pg_attribute WHERE attrelid = 'typed'::regclass AND attnum > 0 ORDER BY attnum
\gexec
INSERT INTO typed VALUES (-32768, -2147483648, -9223372036854775808, 1.50, 'Grün "1", \', 'v', 'c', 'n',
	'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '2031-12-24', '2031-12-24 13:14:15.5', true, 'bright',
	'd', 'dull', ROW('2031-12-24', 1), '[2031-12-24,2032-01-01)');
SELECT feed, keys FROM marked() ORDER BY feed COLLATE "C";
SHOW datestyle;
-- null, and old and new
UPDATE typed SET c_smallint = 1, c_integer = NULL, c_numeric = 1.5, c_text = repeat('long', 5),
	c_uuid = 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', c_date = '2031-12-25', c_enum = 'dull', c_domain = 'e';
SELECT feed, keys FROM marked() ORDER BY feed COLLATE "C";
-- toasted and compressed
INSERT INTO typed (c_text, c_integer) VALUES (repeat('0123456789', 1500), 5);
UPDATE typed SET c_boolean = true WHERE c_integer = 5;
SELECT feed, dense_rank() OVER (ORDER BY xid, feed) AS entry, md5(key), length(key)
FROM joor.queue_change, unnest(keys) AS key WHERE feed IN ('c_text', 'c_generated') ORDER BY 1, 2;
SELECT md5(repeat('0123456789', 1500));
TRUNCATE joor.queue_change;
DELETE FROM typed WHERE c_integer = 5;
SELECT feed, md5(keys), length(keys) FROM marked() WHERE feed IN ('c_text', 'c_generated');
-- a type that is gone by the end
BEGIN;
CREATE TYPE brief AS ENUM ('one', 'two');
CREATE TABLE brief_stock (sku brief);
CALL watch('brief', 'brief_stock', 'sku');
INSERT INTO brief_stock VALUES ('one'), ('two');
DROP TABLE brief_stock;
DROP TYPE brief;
COMMIT;
SELECT * FROM marked();
RESET datestyle;
RESET intervalstyle;
DROP TABLE typed;

-- A key too long to be kept marks everything instead.
CREATE TABLE plain (sku text);
CALL watch('plain', 'plain', 'sku');
INSERT INTO plain VALUES (repeat('x', 2000000)), ('y');
SELECT * FROM marked();
TRUNCATE plain;
TRUNCATE joor.queue_change;

-- Many keys: a row for each thousand, or for a page full
INSERT INTO plain SELECT g FROM generate_series(1, 2500) g;
SELECT part, cardinality(keys) FROM joor.queue_change ORDER BY part;
SELECT count(DISTINCT xid), count(DISTINCT key), count(key) FROM joor.queue_change, unnest(keys) AS key;
TRUNCATE joor.queue_change;
INSERT INTO plain SELECT repeat('k', 99) || g FROM generate_series(1001, 1200) g;
SELECT part, cardinality(keys), pg_column_size(keys) < 8100 AS in_a_page FROM joor.queue_change ORDER BY part;
TRUNCATE joor.queue_change;
INSERT INTO plain SELECT repeat('k', 9000) || g FROM generate_series(1, 3) g;
SELECT part, cardinality(keys), md5(keys::text) = md5(ARRAY[repeat('k', 9000) || n]::text) AS whole
FROM joor.queue_change, LATERAL right(keys[1], 1) AS n ORDER BY part;
TRUNCATE joor.queue_change;

-- More than fits into memory, with a savepoint that is rolled back in between
SET work_mem = '64kB';
CREATE TABLE many (sku text, number bigint, id uuid);
CALL watch('many_text', 'many', 'sku');
CALL watch('many_number', 'many', 'number');
CALL watch('many_id', 'many', 'id');
BEGIN;
INSERT INTO many SELECT 'sku-' || g, g, md5(g::text)::uuid FROM generate_series(1, 100000) g;
SAVEPOINT s;
INSERT INTO many SELECT 'sku-' || g, g, md5(g::text)::uuid FROM generate_series(100001, 200000) g;
ROLLBACK TO s;
INSERT INTO many SELECT 'sku-' || g, g, md5(g::text)::uuid FROM generate_series(200001, 300000) g;
COMMIT;
CREATE TEMP TABLE kept AS SELECT DISTINCT feed, key FROM joor.queue_change, unnest(keys) AS key;
SELECT feed, count(DISTINCT xid) AS entries, max(cardinality(keys)) <= 1000 AS parted FROM joor.queue_change GROUP BY feed ORDER BY feed;
ANALYZE kept;
SELECT count(*) FROM many WHERE NOT EXISTS (SELECT FROM kept WHERE feed = 'many_text' AND key = sku);
SELECT count(*) FROM many WHERE NOT EXISTS (SELECT FROM kept WHERE feed = 'many_number' AND key = number::text);
SELECT count(*) FROM many WHERE NOT EXISTS (SELECT FROM kept WHERE feed = 'many_id' AND key = id::text);
TRUNCATE joor.queue_change;
-- with duplicates, and rolled back as a whole
UPDATE many SET number = number % 1000;
SELECT feed, count(DISTINCT key) FROM joor.queue_change, unnest(keys) AS key GROUP BY feed ORDER BY feed;
TRUNCATE joor.queue_change;
BEGIN;
UPDATE many SET sku = sku;
ROLLBACK;
SELECT * FROM marked();
-- where temporary files are limited, everything is marked rather than nothing
SET temp_file_limit = '1MB';
DELETE FROM many;
SELECT feed, keys FROM marked() WHERE feed <> 'many_number';
RESET temp_file_limit;
RESET work_mem;
DROP TABLE many;

-- Wrong use
CREATE TRIGGER wrong BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION joor.mark_changed('plain', 'sku');
INSERT INTO plain VALUES ('1');
DROP TRIGGER wrong ON plain;
CREATE TRIGGER wrong AFTER INSERT ON plain FOR EACH STATEMENT EXECUTE FUNCTION joor.mark_changed('plain', 'sku');
INSERT INTO plain VALUES ('1');
DROP TRIGGER wrong ON plain;
CREATE TRIGGER wrong BEFORE TRUNCATE ON plain EXECUTE FUNCTION joor.mark_changed('plain', 'sku');
TRUNCATE plain;
DROP TRIGGER wrong ON plain;
CREATE TRIGGER wrong AFTER INSERT ON plain FOR EACH ROW EXECUTE FUNCTION joor.mark_changed('plain');
INSERT INTO plain VALUES ('1');
DROP TRIGGER wrong ON plain;
CREATE TRIGGER wrong AFTER INSERT ON plain FOR EACH ROW
	EXECUTE FUNCTION joor.mark_changed('a name that is longer than any name of PostgreSQL can be, 64 byte', 'sku');
INSERT INTO plain VALUES ('1');
DROP TRIGGER wrong ON plain;
SELECT joor.mark_changed();
SELECT * FROM marked();

-- A key column that was renamed or dropped: a warning, and nothing is missed.
\set VERBOSITY default
ALTER TABLE plain RENAME sku TO article;
INSERT INTO plain VALUES ('1'), ('2');
SELECT * FROM marked();
\set VERBOSITY terse

-- Nobody needs a right on the queue to change a table.
CREATE ROLE joor_shop;
CREATE TABLE shop (sku integer);
CALL watch('shop', 'shop', 'sku');
GRANT INSERT ON shop TO joor_shop;
SET ROLE joor_shop;
INSERT INTO shop VALUES (1);
RESET ROLE;
SELECT * FROM marked();
DROP TABLE shop;
DROP ROLE joor_shop;

-- Integers in runs: none is lost, and none written twice where runs overlap.
CREATE TABLE run (small smallint, large bigint);
CALL watch('run_small', 'run', 'small');
CALL watch('run_large', 'run', 'large');
CREATE TABLE expected AS
	SELECT 'run_large' AS feed, key::text FROM (
		SELECT g::bigint AS key FROM generate_series(1, 150) g
		UNION SELECT 1000 UNION SELECT 1002 UNION SELECT 9223372036854775807 - g FROM generate_series(0, 20) g
		UNION SELECT -9223372036854775808 + g FROM generate_series(0::bigint, 20) g) k
	UNION ALL SELECT 'run_small', g::text FROM generate_series(-32768, 32767) g;
BEGIN;
INSERT INTO run (large) SELECT g FROM generate_series(1, 100) g;
INSERT INTO run (large) SELECT g FROM generate_series(50, 150) g;
INSERT INTO run (large) VALUES (1000), (1002), (1000), (7);
INSERT INTO run (large) SELECT 9223372036854775807 - g FROM generate_series(20, 0, -1) g;
INSERT INTO run (large) SELECT -9223372036854775808 + g FROM generate_series(0::bigint, 20) g;
INSERT INTO run (large) SELECT 1 + g % 100 FROM generate_series(1, 5000) g;
INSERT INTO run (small) SELECT g FROM generate_series(-32768, 32767) g;
INSERT INTO run (small) SELECT 32767 - g FROM generate_series(0, 100) g;
COMMIT;
SELECT feed, count(*) AS keys, count(DISTINCT key) AS different FROM joor.queue_change, unnest(keys) AS key GROUP BY feed ORDER BY feed;
SELECT count(*) AS missing FROM (SELECT * FROM expected EXCEPT SELECT feed, key FROM joor.queue_change, unnest(keys) AS key) e;
SELECT count(*) AS unexpected FROM (SELECT feed, key FROM joor.queue_change, unnest(keys) AS key EXCEPT SELECT * FROM expected) e;
TRUNCATE joor.queue_change;
DROP TABLE run, expected;

-- The extension may go in the transaction that marked.
BEGIN;
INSERT INTO plain VALUES ('3');
DROP EXTENSION joor_inventory CASCADE;
COMMIT;
DROP FUNCTION marked;
DROP PROCEDURE watch;
DROP TABLE plain, kept;
DROP DOMAIN code_of_code, code, mooded;
DROP TYPE mood, pair;
DROP FUNCTION touch;
