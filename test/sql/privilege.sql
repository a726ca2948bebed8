-- Rights: USAGE on the server decides who sends; the owner of the server
-- decides on its state; queries run with the caller's rights and policies.
CREATE EXTENSION joor_inventory;
CREATE ROLE joor_owner;
CREATE ROLE joor_analyst;
CREATE ROLE joor_monitor;
CREATE SERVER s FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://127.0.0.1:9/v2');
ALTER SERVER s OWNER TO joor_owner;
GRANT USAGE ON FOREIGN DATA WRAPPER joor_inventory TO joor_owner;
GRANT USAGE ON SCHEMA joor TO joor_owner, joor_analyst, joor_monitor;
GRANT EXECUTE ON FUNCTION joor.activate, joor.pause, joor.resume,
	joor.deactivate, joor.set_token TO joor_owner, joor_analyst;
GRANT EXECUTE ON FUNCTION joor.preview, joor.push, joor.push_sku TO joor_analyst;
GRANT SELECT ON joor.status, joor.request, joor.rejection, joor.published TO joor_monitor;

-- an analyst without USAGE
SET ROLE joor_analyst;
SELECT * FROM joor.preview($$SELECT '1' AS upc, 2 AS inventory$$, 's');
SELECT * FROM joor.push($$SELECT '1' AS upc, 2 AS inventory$$, 's');
SELECT * FROM joor.push_sku('A', 'B', 3, upc => '1', server => 's');
SELECT * FROM joor.activate('s');
SELECT joor.pause('s');
SELECT joor.set_token('s', 'x');
SELECT * FROM joor.request;
SELECT * FROM joor.published;
RESET ROLE;

-- with it: preview, and a mapping of one's own, but not the account's state
GRANT USAGE ON FOREIGN SERVER s TO joor_analyst;
SET ROLE joor_analyst;
SELECT items FROM joor.preview($$SELECT '1' AS upc, 2 AS inventory$$, 's');
SELECT * FROM joor.push($$SELECT '1' AS upc, 2 AS inventory$$, 's');
SELECT joor.set_token('s', 'x', 'joor_analyst');
SELECT joor.set_token('s', 'x');
SELECT joor.set_token('s', 'x', 'joor_monitor');
SELECT * FROM joor.activate('s');
SELECT joor.pause('s');
SELECT joor.resume('s');
SELECT joor.deactivate('s');
ALTER USER MAPPING FOR joor_analyst SERVER s OPTIONS (DROP token, ADD token_file '/etc/hostname');
-- with a mapping, what is missing is the activation
SELECT * FROM joor.push($$SELECT '1' AS upc, 2 AS inventory$$, 's');
RESET ROLE;

-- the owner sets PUBLIC's token
SET ROLE joor_owner;
SELECT joor.set_token('s', 'x');
RESET ROLE;

-- the overwrite guard reads for a caller who may not read the table himself
INSERT INTO joor.published_item (serverid, server, hash, upc, inventory, request_id, published_at)
	SELECT oid, srvname, 1, '9', 1, 1, now() FROM pg_foreign_server WHERE srvname = 's';
SET ROLE joor_analyst;
SELECT items FROM joor.preview($$SELECT '1' AS upc, 2 AS inventory$$, 's', overwrite => true);
SET joor_inventory.overwrite_max_drop = 100;
SELECT items FROM joor.preview($$SELECT '1' AS upc, 2 AS inventory$$, 's', overwrite => true);
SET joor_inventory.overwrite_max_drop = 100.5;
SELECT * FROM joor.push($$SELECT '1' AS upc, 2 AS inventory$$, 's', force => NULL);
RESET joor_inventory.overwrite_max_drop;
RESET ROLE;

-- the query is the caller's
CREATE TABLE stock (upc text, inventory int, brand text);
INSERT INTO stock VALUES ('1', 1, 'a'), ('2', 2, 'b');
SET ROLE joor_analyst;
SELECT * FROM joor.preview('SELECT upc, inventory FROM public.stock', 's');
RESET ROLE;
GRANT SELECT ON stock TO joor_analyst;
ALTER TABLE stock ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON stock USING (brand = 'a');
SET ROLE joor_analyst;
SELECT items, body FROM joor.preview('SELECT upc, inventory FROM public.stock', 's');
RESET ROLE;

-- and so is its search_path, whose operators do not reach our own queries
CREATE SCHEMA trap;
CREATE FUNCTION trap.equal(oid, oid) RETURNS boolean LANGUAGE plpgsql AS
	$$BEGIN RAISE EXCEPTION 'reached as %', current_user; END$$;
CREATE OPERATOR trap.= (FUNCTION = trap.equal, LEFTARG = oid, RIGHTARG = oid);
SET search_path = trap, pg_catalog, public;
SELECT joor.pause('s');
RESET search_path;

-- a monitor reads
SET ROLE joor_monitor;
SELECT account, state FROM joor.status;
SELECT count(*) FROM joor.request;
SELECT count(*) FROM joor.rejection;
SELECT count(*) FROM joor.published;
DELETE FROM joor.request;
SELECT * FROM joor.published_item;
SELECT * FROM joor.account;
RESET ROLE;

DROP SCHEMA trap CASCADE;
DROP TABLE stock;
DROP EXTENSION joor_inventory CASCADE;
DROP ROLE joor_owner, joor_analyst, joor_monitor;
