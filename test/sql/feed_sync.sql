-- joor.sync, joor.drift and joor.push_feed before anything is sent: who may
-- call them, their arguments, what counts as a difference, and what is queued
-- for it.
CREATE EXTENSION joor_inventory;
CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://127.0.0.1:9/v2', warehouses 'Milano, Paris');
CREATE TABLE stock (sku_id integer, upc text, warehouse text, pieces integer);
INSERT INTO stock VALUES (1, '001', 'Milano', 5), (1, '001', 'Paris', 6), (2, '002', 'Milano', 7), (3, '003', NULL, -1);
SELECT joor.create_feed('stock', 'SELECT sku_id, upc, warehouse, pieces AS inventory FROM stock', key => 'sku_id');
\pset format unaligned
CREATE FUNCTION queued(OUT entries bigint, OUT everything boolean, OUT keys text) LANGUAGE sql AS $$
	WITH taken AS (DELETE FROM joor.queue_change RETURNING *)
	SELECT count(*), bool_or(t.keys IS NULL), (SELECT string_agg(key, ' ' ORDER BY key) FROM taken, unnest(taken.keys) key)
	FROM taken t
$$;

-- Arguments
SELECT joor.sync('nothing');
SELECT joor.sync(NULL);
SELECT joor.sync('stock', NULL);
SELECT * FROM joor.drift('nothing');
SELECT * FROM joor.drift(NULL);
SELECT * FROM joor.push_feed('nothing');
SELECT * FROM joor.push_feed(NULL);
SELECT * FROM joor.push_feed('stock', overwrite => NULL);
SELECT * FROM joor.push_feed('stock', on_failure => NULL);
SELECT * FROM joor.push_feed('stock', force => NULL);
SELECT * FROM joor.push_feed('stock', on_failure => 'ignore');

-- An account that has published nothing, and is not even activated
SELECT * FROM joor.drift('stock') ORDER BY key, warehouse;
SELECT joor.sync('stock');
SELECT * FROM queued();
SELECT joor.sync('stock', everything => true);
SELECT * FROM queued();
SELECT * FROM joor.push_feed('stock');

-- What JOOR is said to have acknowledged; the hashes are those of items
CREATE FUNCTION acknowledge(query text, feed text, key text) RETURNS void LANGUAGE sql AS $$
	SELECT joor.enqueue(query);
	WITH taken AS (DELETE FROM joor.queue_item RETURNING *)
	INSERT INTO joor.published_item (serverid, server, hash, feed, key, warehouse, upc, inventory, made_to_order, request_id, published_at)
	SELECT serverid, server, hash, feed, key, warehouse, upc, inventory, made_to_order, 1, now() FROM taken
	ON CONFLICT (serverid, hash) DO UPDATE SET inventory = excluded.inventory, made_to_order = excluded.made_to_order;
$$;
SELECT acknowledge('SELECT upc, warehouse, pieces AS inventory FROM stock WHERE sku_id = 1', 'stock', '1');
SELECT acknowledge('SELECT upc, warehouse, pieces + 1 AS inventory FROM stock WHERE sku_id = 2', 'stock', '2');
SELECT acknowledge($$SELECT '003' AS upc, true AS made_to_order$$, 'stock', '3');
SELECT acknowledge($$SELECT '004' AS upc, 4 AS inventory$$, 'stock', '4');
SELECT acknowledge($$SELECT '005' AS upc, 0 AS inventory$$, 'stock', '5');
SELECT acknowledge($$SELECT '006' AS upc, 6 AS inventory$$, NULL, NULL);
\pset null (null)
SELECT difference, key, warehouse, upc, inventory, made_to_order, published_inventory, published_made_to_order, reason
FROM joor.drift('stock') ORDER BY key;
\pset null ''
SELECT joor.sync('stock');
SELECT * FROM queued();
-- all of the feed, and what is gone, though it is 0
SELECT joor.sync('stock', everything => true);
SELECT * FROM queued();
-- two differences of one key
UPDATE stock SET pieces = 50 WHERE sku_id = 1;
SELECT joor.sync('stock');
SELECT * FROM queued();
-- sent by nobody knows whom, but as the feed has it
INSERT INTO stock VALUES (6, '006', 'Default', 6);
SELECT count(*) FROM joor.drift('stock') WHERE key = '6';
-- nothing differs
SELECT acknowledge('SELECT upc, warehouse, pieces AS inventory FROM stock', 'stock', '0');
SELECT acknowledge($$SELECT '004' AS upc, 0 AS inventory$$, 'stock', '4');
SELECT * FROM joor.drift('stock');
SELECT joor.sync('stock');
SELECT * FROM queued();

-- A sync is part of its transaction
UPDATE stock SET pieces = 51 WHERE sku_id = 1;
BEGIN;
SELECT joor.sync('stock');
ROLLBACK;
SELECT * FROM queued();
BEGIN TRANSACTION READ ONLY;
SELECT count(*) FROM joor.drift('stock');
SELECT joor.sync('stock');
ROLLBACK;
-- A push cannot be taken back, so it is not part of one
BEGIN;
UPDATE stock SET pieces = 52 WHERE sku_id = 1;
SELECT * FROM joor.push_feed('stock');
ROLLBACK;

-- Rows that are not valid: warned of, listed, and not taken for gone
UPDATE stock SET warehouse = 'Roma' WHERE sku_id = 2;
UPDATE stock SET sku_id = NULL WHERE sku_id = 3;
UPDATE stock SET pieces = NULL WHERE sku_id = 6;
SELECT difference, key, warehouse, upc, inventory, published_inventory, reason FROM joor.drift('stock') ORDER BY upc, warehouse;
SELECT joor.sync('stock');
SELECT * FROM queued();
SELECT joor.sync('stock', everything => true);
SELECT * FROM queued();
-- two rows for one item, and a query that fails: errors
INSERT INTO stock SELECT * FROM stock WHERE sku_id = 1;
SELECT joor.sync('stock');
SELECT * FROM joor.drift('stock');
SELECT joor.alter_feed('stock', 'SELECT sku_id, upc, warehouse, 10 / pieces AS inventory FROM stock WHERE sku_id = 1 AND pieces > 50');
DELETE FROM stock WHERE sku_id = 1;
INSERT INTO stock VALUES (1, '001', 'Milano', 60), (1, '001', 'Paris', 60);
SELECT joor.alter_feed('stock', 'SELECT sku_id, upc, warehouse, 10 / (pieces - 60) AS inventory FROM stock WHERE sku_id = 1');
SELECT joor.alter_feed('stock', 'SELECT sku_id, upc, warehouse, 10 / (pieces - 61) AS inventory FROM stock WHERE sku_id = 1');
UPDATE stock SET pieces = 61;
SELECT joor.sync('stock');
SELECT * FROM joor.drift('stock');
UPDATE stock SET pieces = 62;

-- Rights: SELECT on the view, and USAGE on the server
CREATE ROLE joor_reader;
CREATE ROLE joor_jobs;
GRANT USAGE ON SCHEMA joor TO joor_reader, joor_jobs;
SET ROLE joor_reader;
SELECT joor.sync('stock');
RESET ROLE;
GRANT EXECUTE ON FUNCTION joor.sync, joor.drift, joor.push_feed TO joor_reader, joor_jobs;
SET ROLE joor_reader;
SELECT joor.sync('stock');
SELECT * FROM joor.drift('stock');
SELECT * FROM joor.push_feed('stock');
RESET ROLE;
GRANT SELECT ON joor.feed_stock TO joor_reader, joor_jobs;
SET ROLE joor_reader;
SELECT joor.sync('stock');
SELECT * FROM joor.drift('stock');
SELECT * FROM joor.push_feed('stock');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER joor TO joor_jobs;
SET ROLE joor_jobs;
SELECT joor.sync('stock');
SELECT count(*) FROM joor.drift('stock');
-- what is missing is a token
SELECT * FROM joor.push_feed('stock');
SELECT joor.alter_feed('stock', key => 'upc');
RESET ROLE;
SELECT * FROM queued();

-- What was dropped
DROP SERVER joor;
SELECT joor.sync('stock');
SELECT * FROM joor.drift('stock');
SELECT * FROM joor.push_feed('stock');
DROP VIEW joor.feed_stock;
SELECT joor.sync('stock');
SELECT joor.drop_feed('stock');
SELECT joor.sync('stock');

DROP EXTENSION joor_inventory CASCADE;
DROP FUNCTION queued, acknowledge;
DROP TABLE stock;
DROP ROLE joor_reader;
DROP ROLE joor_jobs;
