-- Item queries in databases whose encoding is not UTF-8: JOOR gets UTF-8 all
-- the same, and messages come in the encoding of the database.
\set main :DBNAME
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never

-- LATIN1: one byte in the database is two in the body
CREATE DATABASE regress_joor_latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;
\c regress_joor_latin1
SET client_encoding = 'UTF8';
CREATE EXTENSION joor_inventory;
CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory
	OPTIONS (url 'https://api.jooraccess.com/v2', warehouse 'Köln', warehouses 'Málaga');
SELECT bytes, octet_length(body), body FROM joor.preview(
	$$SELECT 'gr' || chr(246) || chr(223) || 'e <' AS size, 'a' AS style_number, 'b' AS style_identifier,
		'c' AS color_code, 1 AS inventory$$);
SELECT bytes, octet_length(body), body FROM joor.preview(
	$$SELECT chr(255) AS upc, 1 AS inventory, w AS warehouse FROM unnest('{Köln,Málaga}'::text[]) w$$,
	format => 'json');
SELECT items FROM joor.preview($$SELECT repeat(chr(255), 100) AS upc, 1 AS inventory$$);
SELECT items FROM joor.preview($$SELECT repeat(chr(255), 101) AS upc, 1 AS inventory$$);
SELECT items FROM joor.preview($$SELECT '1' AS upc, 1 AS inventory, 'Malmö' AS warehouse$$);
SELECT items FROM joor.preview($$SELECT upc::name, 1 AS inventory FROM (VALUES (chr(228)), (chr(228))) v(upc)$$);

-- SQL_ASCII: what is UTF-8 already goes out, other bytes do not
CREATE DATABASE regress_joor_sql_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0;
\c regress_joor_sql_ascii
SET client_encoding = 'SQL_ASCII';
CREATE EXTENSION joor_inventory;
CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'https://api.jooraccess.com/v2');
SELECT bytes, octet_length(body), body FROM joor.preview($$SELECT E'\xc3\xb6' AS upc, 1 AS inventory$$);
SELECT items FROM joor.preview($$SELECT repeat(E'\xe2\x82\xac', 100) AS upc, 1 AS inventory$$);
DO $do$
DECLARE
	detail text;
	hint text;
BEGIN
	PERFORM joor.preview($$SELECT upc, 1 AS inventory FROM unnest(
		ARRAY[E'a\xf6', E'\xed\xa0\x80', E'\xc0\x80', repeat(E'\xff', 150), E'\xef\xbf\xbe', E'a\xc3']) upc$$);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RAISE NOTICE E'%\n%\n%', encode(SQLERRM::bytea, 'escape'),
		encode(replace(detail, E'\xff', 'y')::bytea, 'escape'), hint;
END
$do$;

\c :main
DROP DATABASE regress_joor_latin1;
DROP DATABASE regress_joor_sql_ascii;
