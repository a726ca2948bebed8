-- Bodies, byte by byte, and how items become requests.
CREATE EXTENSION joor_inventory;
CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'https://api.jooraccess.com/v2');
\pset format unaligned
CREATE FUNCTION pg_temp.all_fields() RETURNS text LANGUAGE sql AS $_$SELECT
	$$SELECT 'Milano' AS warehouse, date '2027-02-01' AS inventory_date, 'ST<1>' AS style_number,
		'Classic & "Co"' AS style_identifier, '007' AS color_code, E'M\u00e9\t\\' AS size, 12 AS inventory$$$_$;

-- XML, and both shapes of JSON
SELECT * FROM joor.preview(pg_temp.all_fields());
SELECT * FROM joor.preview(pg_temp.all_fields(), format => 'json');
ALTER SERVER joor OPTIONS (ADD json_shape 'flat', ADD style_identifier_field 'corrected');
SELECT * FROM joor.preview(pg_temp.all_fields(), format => 'json');
SELECT * FROM joor.preview(pg_temp.all_fields());
ALTER SERVER joor OPTIONS (SET style_identifier_field 'both');
SELECT * FROM joor.preview(pg_temp.all_fields(), format => 'json');
SELECT * FROM joor.preview(pg_temp.all_fields());

-- made to order, with and without a quantity
SELECT body FROM joor.preview($$SELECT upc, m AS made_to_order, 4 AS inventory
	FROM (VALUES ('1', true), ('2', false), ('3', NULL)) v(upc, m)$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, true AS made_to_order$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, true AS made_to_order, 3 AS inventory$$, format => 'json');

-- requests by items
ALTER SERVER joor OPTIONS (ADD max_items '2');
SELECT number, items, bytes, octet_length(body) = bytes AS counted FROM joor.preview(
	$$SELECT i::text AS upc, i AS inventory FROM generate_series(1, 5) i$$);
-- requests by bytes: none larger than the limit, none smaller than it need be
ALTER SERVER joor OPTIONS (SET max_items '100000', ADD max_bytes '16kB');
SELECT number, items, bytes <= 16384 AS fits, bytes > 16384 - 200 AS full FROM joor.preview(
	$$SELECT lpad(i::text, 100, '0') AS upc, 1 AS inventory FROM generate_series(1, 200) i$$);

-- no rows, no requests
SELECT count(*) FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory WHERE false$$);

-- overwrite: one request or none
SELECT number, url, items FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory$$, overwrite => true);
SELECT number, url FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory$$, overwrite => true, dec_pending => true);
SELECT * FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory WHERE false$$, overwrite => true);
SELECT * FROM joor.preview(
	$$SELECT i::text AS upc, 1 AS inventory FROM generate_series(1, 300) i$$, overwrite => true);
ALTER SERVER joor OPTIONS (SET max_items '2', SET max_bytes '1MB');
SELECT * FROM joor.preview(
	$$SELECT i::text AS upc, 1 AS inventory FROM generate_series(1, 3) i$$, overwrite => true);
SELECT items FROM joor.preview(
	$$SELECT i::text AS upc, 1 AS inventory FROM generate_series(1, 2) i$$, overwrite => true);

-- two rows for one item, near and far
ALTER SERVER joor OPTIONS (SET max_items '500');
SELECT * FROM joor.preview($$SELECT '1' AS upc, i AS inventory FROM generate_series(1, 3) i$$);
SELECT * FROM joor.preview(
	$$SELECT (i % 4000)::text AS upc, 1 AS inventory FROM generate_series(1, 4000) i
	  UNION ALL SELECT '17', 2$$);
SELECT sum(items) FROM joor.preview($$SELECT upc, warehouse, inventory_date, 1 AS inventory
	FROM unnest('{1,2}'::text[]) upc, unnest('{A,B,NULL}'::text[]) warehouse,
	unnest('{2027-01-01,2027-01-02,NULL}'::date[]) inventory_date$$);
-- a position is what is sent: the default warehouse is one, named or not
SELECT * FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory, w AS warehouse
	FROM unnest('{Default,NULL}'::text[]) w$$);
-- beyond the size of the table of hashes
ALTER SERVER joor OPTIONS (SET max_items '100000');
SELECT sum(items) FROM joor.preview(
	$$SELECT i::text AS upc, 1 AS inventory FROM generate_series(1, 2000000) i$$);
SELECT * FROM joor.preview(
	$$SELECT i::text AS upc, 1 AS inventory FROM generate_series(1, 2000000) i
	  UNION ALL SELECT '1000000', 2$$);

DROP EXTENSION joor_inventory CASCADE;
