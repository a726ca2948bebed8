-- Item queries: which statements, columns and types they may have, and every
-- rule that a row must keep.
CREATE EXTENSION joor_inventory;
CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory
	OPTIONS (url 'https://api.jooraccess.com/v2', format 'json', json_shape 'flat');
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE TABLE stock (upc text, inventory integer);
INSERT INTO stock VALUES ('8001234567898', 7);

--
-- One statement that only reads
--
SELECT body FROM joor.preview('TABLE stock');
SELECT body FROM joor.preview('SELECT * FROM stock; ');
SELECT body FROM joor.preview('WITH s(upc, inventory) AS (VALUES (''1'', 2)) SELECT * FROM s');
SELECT body FROM joor.preview('');
SELECT body FROM joor.preview(' ; -- nothing');
SELECT body FROM joor.preview('TABLE stock; TABLE stock');
SELECT body FROM joor.preview('VALUES (''1'', 2)');
SELECT body FROM joor.preview('DELETE FROM stock RETURNING upc, inventory');
SELECT body FROM joor.preview('WITH d AS (DELETE FROM stock RETURNING *) SELECT * FROM d');
SELECT body FROM joor.preview('SELECT * INTO copied FROM stock');
SELECT body FROM joor.preview('SELECT * FROM stock FOR UPDATE');
SELECT body FROM joor.preview('SELECT * FROM (SELECT * FROM stock FOR SHARE) s');
SELECT body FROM joor.preview('EXPLAIN TABLE stock');
SELECT body FROM joor.preview('SHOW timezone');
SELECT body FROM joor.preview('DROP TABLE stock');
SELECT body FROM joor.preview('COMMIT');
SELECT count(*) FROM stock;
-- core's own errors, with the query as their context
\set SHOW_CONTEXT errors
SELECT body FROM joor.preview('SELEC upc FROM stock');
SELECT body FROM joor.preview('SELECT upc, inventory FROM stocks');
SELECT body FROM joor.preview('SELECT upc, $1 AS inventory FROM stock');
SELECT body FROM joor.preview('SELECT upc, 1 / (inventory - 7) AS inventory FROM stock');
\set SHOW_CONTEXT never
-- with the caller's rights, and rows hidden from the caller left out
CREATE ROLE regress_joor_analyst;
GRANT USAGE ON SCHEMA joor TO regress_joor_analyst;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA joor TO regress_joor_analyst;
GRANT USAGE ON FOREIGN SERVER joor TO regress_joor_analyst;
SET ROLE regress_joor_analyst;
SELECT body FROM joor.preview('TABLE stock');
RESET ROLE;
GRANT SELECT ON stock TO regress_joor_analyst;
ALTER TABLE stock ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON stock USING (inventory < 7);
INSERT INTO stock VALUES ('2', 6);
SET ROLE regress_joor_analyst;
SELECT body FROM joor.preview('TABLE stock');
RESET ROLE;
SELECT items FROM joor.preview('TABLE stock');

--
-- Columns
--
SELECT body FROM joor.preview('SELECT upc, inventory, 1 AS price FROM stock');
SELECT body FROM joor.preview('SELECT upc, inventory, 1 FROM stock');
SELECT body FROM joor.preview('SELECT upc AS "UPC", inventory FROM stock');
SELECT body FROM joor.preview('SELECT upc, inventory, upc FROM stock');
SELECT body FROM joor.preview('SELECT FROM stock');
SELECT body FROM joor.preview('SELECT inventory FROM stock');
SELECT body FROM joor.preview('SELECT inventory, ''a'' AS style_number, ''b'' AS color_code, ''c'' AS size FROM stock');
SELECT body FROM joor.preview('SELECT upc FROM stock');
-- in any order: fields go out in that of the documentation
SELECT body FROM joor.preview('SELECT inventory, upc, ''W'' AS warehouse FROM stock WHERE upc = ''2''');

--
-- Types
--
CREATE DOMAIN code AS text CHECK (VALUE <> '');
CREATE DOMAIN code_of_code AS code;
CREATE DOMAIN quantity AS numeric(12,2);
CREATE TYPE dress_size AS ENUM ('S', 'one "size"');
CREATE TYPE pair AS (a text, b text);
-- text
SELECT body FROM joor.preview($$SELECT '1'::code_of_code AS upc, 'a'::varchar(9) AS warehouse, 1::quantity AS inventory$$);
SELECT body FROM joor.preview($$SELECT 'a'::name AS style_number, 'b'::"char" AS style_identifier,
	'c '::character(5) AS color_code, 'one "size"'::dress_size AS size, 1 AS inventory$$);
SELECT body FROM joor.preview($$SELECT ' 1 '::text AS upc, 1 AS inventory$$);
SELECT body FROM joor.preview($$SELECT 8001234567898 AS upc, 1 AS inventory$$);
SELECT body FROM joor.preview($$SELECT to_char(1234567898, 'FM0000000000000') AS upc, 1 AS inventory$$);
SELECT body FROM joor.preview($$SELECT 1.5::float8 AS size, 1 AS inventory$$);
SELECT body FROM joor.preview($$SELECT 7::quantity AS color_code, 1 AS inventory$$);
SELECT body FROM joor.preview($$SELECT gen_random_uuid() AS upc, 1 AS inventory$$);
SELECT body FROM joor.preview($$SELECT '\x00'::bytea AS upc, 1 AS inventory$$);
SELECT body FROM joor.preview($$SELECT ('a', 'b')::pair AS upc, 1 AS inventory$$);
SELECT body FROM joor.preview($$SELECT ARRAY['1'] AS upc, 1 AS inventory$$);
-- numbers
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1::int2 AS inventory$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, 2147483647::int8 AS inventory$$);
SELECT body FROM joor.preview($$SELECT row_number() OVER ()::text AS upc, n AS inventory
	FROM unnest('{1,5.00,0.000,-0,2147483647.0,-3}'::numeric[]) n$$);
SELECT body FROM joor.preview($$SELECT row_number() OVER ()::text AS upc, n AS inventory
	FROM unnest('{1.5,-1.5,0.0001,NaN,2147483648,9223372036854775807,9223372036854775808,
		-9223372036854775809,1e30,1e2000}'::numeric[]) n$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1::float8 AS inventory$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, '1' AS inventory$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, true AS inventory$$);
SELECT body FROM joor.preview($$SELECT '1' AS style_id, 2 AS style_color_id, 's' AS size, 1 AS inventory$$);
-- dates
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory, d AS inventory_date
	FROM unnest('{0001-01-01,1999-12-31,2027-02-28,9999-12-31}'::date[]) d$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory, d AS inventory_date
	FROM unnest('{1969-12-31 00:00,2027-02-28 00:00}'::timestamp[]) d$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory, d AS inventory_date
	FROM unnest('{infinity,-infinity,0001-12-31 BC,10000-01-01}'::date[]) d$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory, d AS inventory_date
	FROM unnest('{2027-02-28 00:00:00.000001,1969-12-31 23:59:59,infinity,-infinity}'::timestamp[]) d$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory, now() AS inventory_date$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory, '2027-01-01' AS inventory_date$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory, 20270101 AS inventory_date$$);
-- booleans
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1 AS made_to_order$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, 'yes' AS made_to_order$$);

--
-- Identity
--
CREATE TABLE item (upc text, style_number text, style_identifier text, style_id int8,
	color_code text, style_color_id int8, size text, size_code text);
CREATE FUNCTION pg_temp.items(VARIADIC items item[]) RETURNS SETOF text LANGUAGE sql AS $$
	TRUNCATE item;
	INSERT INTO item SELECT (unnest(items)).*;
	SELECT body FROM joor.preview('SELECT *, 1 AS inventory FROM item');
$$;
-- a UPC alone, whatever else there is
SELECT pg_temp.items('(1,,,,,,,)', '(2,a,b,3,c,4,d,e)', '(3,a,,,,,,)', '(4,"",,0,,-1,,)');
-- 2 x 2 x 2 ways
SELECT pg_temp.items('(,a,b,,c,,d,)', '(,a,b,,c,,,e)', '(,a,b,,,4,d,)', '(,a,b,,,4,,e)',
	'(,,,3,c,,d,)', '(,,,3,c,,,e)', '(,,,3,,4,d,)', '(,,,3,,4,,e)');
-- the first complete key of several
SELECT pg_temp.items('(,a,b,3,c,4,d,e)', '(,a,,3,c,4,d,e)', '(,,b,3,,4,,e)');
-- nothing, and each part missing
SELECT pg_temp.items('(,,,,,,,)');
SELECT pg_temp.items('(,a,,,c,,d,)', '(,,b,,c,,d,)', '(,,,,c,,d,)', '(,a,,,,,,)', '(,a,b,,,,d,)',
	'(,,,3,,,d,)', '(,,,3,c,,,)', '(,a,b,,,4,,)', '(,,,,,,,)');
-- ids
SELECT pg_temp.items('(,,,9223372036854775807,,9223372036854775807,d,)');
SELECT pg_temp.items('(,,,0,c,,d,)', '(,,,3,,-9223372036854775808,d,)');

--
-- Texts
--
CREATE FUNCTION pg_temp.upcs(VARIADIC upcs text[]) RETURNS SETOF text LANGUAGE sql AS $_$
	SELECT body FROM joor.preview(format($$SELECT upc, 1 AS inventory FROM unnest(%L::text[]) upc$$, upcs))
$_$;
-- nothing is trimmed or folded
SELECT pg_temp.upcs('a', 'A', ' a', 'a ', '00', '0', E'\t', 'e' || U&'\0301', U&'\00e9');
SELECT pg_temp.upcs('');
-- what JSON escapes, what XML escapes, and what neither does
SELECT pg_temp.upcs('"', '\', '/', '&', '<', '>', '''', ']]>', U&'\007f\0085\2028\fffd\+01ffff');
ALTER SERVER joor OPTIONS (SET format 'xml');
SELECT replace(body, '</', E'\n</') FROM joor.preview(
	$$SELECT E'\r\n\t"\\&<>''' AS upc, 1 AS inventory$$);
SELECT pg_temp.upcs(']]>', '&amp;', '<!--', U&'\007f\0085\2028\fffd\+01ffff');
-- what XML cannot carry, whatever the format
SELECT pg_temp.upcs(E'a\u0001', E'\u0008', E'\u000b', E'\u000c', E'\u001f', U&'\fffe', U&'\ffff');
ALTER SERVER joor OPTIONS (SET format 'json');
SELECT pg_temp.upcs(E'\f');
-- longest, in characters
SELECT items FROM joor.preview($$SELECT repeat(c, 150) AS warehouse, repeat(c, 45) AS style_number,
	repeat(c, 100) AS style_identifier, repeat(c, 100) AS color_code, repeat(c, 100) AS size, 1 AS inventory
	FROM unnest(ARRAY['x', U&'\20ac', U&'\+01f600']) c$$);
SELECT items FROM joor.preview($$SELECT repeat('x', 100) AS size_code, repeat('x', 45) AS style_number,
	'b' AS style_identifier, 'c' AS color_code, 1 AS inventory UNION ALL SELECT repeat('x', 101), 'a', 'b', 'c', 1$$);
SELECT body FROM joor.preview($$SELECT repeat('w', 151) AS warehouse, '1' AS upc, 1 AS inventory$$);
SELECT pg_temp.items(('', repeat(U&'\00e9', 46), 'b', 3, 'c', 4, 'd', 'e')::item);
SELECT pg_temp.items((NULL, repeat(U&'\00e9', 46), 'b', 3, 'c', 4, 'd', 'e')::item,
	(NULL, 'a', repeat('x', 101), 3, 'c', 4, 'd', 'e')::item,
	(NULL, 'a', 'b', 3, repeat('x', 101), 4, 'd', 'e')::item,
	(NULL, 'a', 'b', 3, 'c', 4, repeat('x', 101), 'e')::item,
	(NULL, 'a', 'b', 3, 'c', 4, NULL, repeat('x', 101))::item,
	(repeat(U&'\+01f600', 101), 'a', 'b', 3, 'c', 4, 'd', 'e')::item);
-- large values, in and out of line
SELECT body FROM joor.preview($$SELECT repeat('x', 1000000) AS upc, 1 AS inventory$$);
CREATE TABLE large (upc text, inventory int);
INSERT INTO large VALUES (repeat('y', 1000000), 1);
ALTER TABLE large ALTER upc SET STORAGE EXTERNAL;
INSERT INTO large VALUES (repeat('z', 1000000), 2), (repeat('z', 90), 3);
SELECT body FROM joor.preview('TABLE large');
SELECT body FROM joor.preview('SELECT * FROM large WHERE inventory = 3');
-- a message shows a value on one line
SELECT pg_temp.upcs(repeat(E'a\n\t\u007f', 30));

--
-- Quantities
--
SELECT body FROM joor.preview($$SELECT '1' AS upc, NULL::int AS inventory$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, NULL::int AS inventory, m AS made_to_order
	FROM unnest('{true,false,NULL}'::boolean[]) m$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, true AS made_to_order$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, false AS made_to_order$$);
SELECT body FROM joor.preview($$SELECT q::text AS upc, q AS inventory FROM unnest('{0,2147483647}'::int8[]) q$$);
SELECT body FROM joor.preview($$SELECT q::text AS upc, q AS inventory FROM unnest('{2147483648}'::int8[]) q$$);
-- negative ones: clamp, reject, send
SELECT body FROM joor.preview($$SELECT q::text AS upc, q AS inventory
	FROM unnest('{-1,-2147483649,-9223372036854775808}'::int8[]) q$$);
ALTER SERVER joor OPTIONS (ADD negative 'reject');
SELECT body FROM joor.preview($$SELECT '1' AS upc, -1 AS inventory$$);
ALTER SERVER joor OPTIONS (SET negative 'send');
SELECT body FROM joor.preview($$SELECT q::text AS upc, q AS inventory FROM unnest('{-1,-2147483648}'::int8[]) q$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, -2147483649 AS inventory$$);

--
-- Warehouses
--
ALTER SERVER joor OPTIONS (ADD warehouse 'Main & Co', ADD warehouses 'Milano, "Paris, Lyon"');
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory, w AS warehouse
	FROM unnest(ARRAY['Milano', 'Paris, Lyon', NULL]) w$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory, 'Main & Co' AS warehouse$$);
SELECT body FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory, w AS warehouse
	FROM unnest(ARRAY['Milan', 'milano', 'Milano ', 'Default', 'Paris', '']) w$$);

--
-- The first rule that a row breaks, and more rows than are named
--
SELECT body FROM joor.preview($$SELECT '' AS upc, -1.5 AS inventory, 'nowhere' AS warehouse, date 'infinity' AS inventory_date$$);
SELECT body FROM joor.preview($$SELECT i::text AS upc, i + 0.5 AS inventory FROM generate_series(1, 20) i$$);

DROP EXTENSION joor_inventory CASCADE;
DROP FUNCTION pg_temp.items;
DROP TABLE stock, item, large;
DROP DOMAIN code_of_code, code, quantity;
DROP TYPE dress_size, pair;
DROP ROLE regress_joor_analyst;
