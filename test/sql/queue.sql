-- joor.enqueue and its kin as far as neither network nor worker is needed:
-- the account is not active, so what is queued stays.
CREATE EXTENSION joor_inventory;
CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory
	OPTIONS (url 'https://api.jooraccess.com/v2');
CREATE SERVER warehouse FOREIGN DATA WRAPPER joor_inventory
	OPTIONS (url 'https://apisandbox.jooraccess.com/v2', warehouses 'Default, Paris', dec_pending 'true');
\pset format unaligned
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

-- Each field keeps its value and its type; left out is null.
SELECT joor.enqueue($$SELECT '0012'::text AS upc, 5 AS inventory$$);
SELECT joor.enqueue($$SELECT 'Paris'::text AS warehouse, DATE '2031-02-03' AS inventory_date,
	'S 1'::text AS style_number, 'id'::text AS style_identifier, '007'::text AS color_code,
	'XL'::text AS size, 3::bigint AS inventory$$, 'warehouse');
SELECT joor.enqueue($$SELECT 17 AS style_id, 18 AS style_color_id, 'c'::text AS size_code,
	NULL::integer AS inventory, true AS made_to_order$$, server => 'warehouse', dec_pending => false);
SELECT server, user_name = current_user AS by_me, dec_pending, warehouse, inventory_date, style_number,
	style_identifier, style_id, color_code, style_color_id, size, size_code, upc, inventory, made_to_order
FROM joor.queue ORDER BY id;

-- The same position, the same hash; another warehouse, date or identity: another one.
TRUNCATE joor.queue_item;
SELECT joor.enqueue($$SELECT '1'::text AS upc, 1 AS inventory UNION ALL SELECT '2', 1$$);
SELECT joor.enqueue($$SELECT '1'::text AS upc, 9 AS inventory$$);
SELECT joor.enqueue($$SELECT '1'::text AS upc, 9 AS inventory, 'Default'::text AS warehouse$$);
SELECT joor.enqueue($$SELECT '1'::text AS upc, 9 AS inventory, DATE '2031-01-01' AS inventory_date$$);
SELECT upc, inventory, inventory_date, dense_rank() OVER (ORDER BY first) AS position
FROM (SELECT *, min(id) OVER (PARTITION BY hash) AS first FROM joor.queue_item) q ORDER BY id;

-- Nothing of a query with an invalid row is queued.
TRUNCATE joor.queue_item;
SELECT joor.enqueue($$SELECT '1'::text AS upc, 1 AS inventory UNION ALL SELECT '2', NULL$$);
SELECT joor.enqueue($$SELECT 'x'::text AS upc, 1 AS inventory, 'Rome'::text AS warehouse$$, 'warehouse');
SELECT joor.enqueue($$SELECT 1 AS upc, 1 AS inventory$$);
SELECT joor.enqueue($$SELECT 'x'::text AS upc, 1 AS inventory$$, 'nowhere');
SELECT joor.enqueue(NULL);
SELECT count(*) FROM joor.queue;
SELECT joor.enqueue($$SELECT 'x'::text AS upc, 1 AS inventory WHERE false$$);

-- Part of the transaction, and of the savepoint.
BEGIN;
SELECT joor.enqueue($$SELECT 'kept'::text AS upc, 1 AS inventory$$);
SAVEPOINT s;
SELECT joor.enqueue($$SELECT 'gone'::text AS upc, 1 AS inventory$$);
ROLLBACK TO s;
COMMIT;
BEGIN;
SELECT joor.enqueue($$SELECT 'gone'::text AS upc, 1 AS inventory$$);
ROLLBACK;
SELECT upc FROM joor.queue;
BEGIN READ ONLY;
SELECT joor.enqueue($$SELECT 'gone'::text AS upc, 1 AS inventory$$);
ROLLBACK;

-- From a trigger; the query sees what the transaction did.
CREATE TABLE stock (upc text, inventory integer);
CREATE FUNCTION tell_joor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM joor.enqueue('SELECT upc, inventory FROM stock');
	RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON stock FOR EACH STATEMENT EXECUTE FUNCTION tell_joor();
INSERT INTO stock VALUES ('s', 2);
SELECT upc, inventory FROM joor.queue ORDER BY id;

-- Nothing is sent for an account that is not active, and status says so.
SELECT joor.wait('joor', '10 ms');
SELECT joor.wait('warehouse', '10 ms');
SELECT account, state, queued, why_not_now, next_send, sending, rejections_open FROM joor.status ORDER BY account;
SELECT count(*) FROM joor.progress;
SELECT joor.retry(1, 2);

DROP TABLE stock;
DROP FUNCTION tell_joor;
DROP EXTENSION joor_inventory CASCADE;
