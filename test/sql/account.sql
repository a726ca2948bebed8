-- Accounts: every option of server and user mapping, its values and its
-- errors; who may make one; what is refused before anything could be sent.
CREATE EXTENSION joor_inventory;
\set VERBOSITY default
\set SHOW_CONTEXT never

-- url
CREATE SERVER s FOREIGN DATA WRAPPER joor_inventory;
CREATE SERVER s FOREIGN DATA WRAPPER joor_inventory OPTIONS (url '');
CREATE SERVER s FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'https://');
CREATE SERVER s FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'ftp://api.jooraccess.com/v2');
CREATE SERVER s FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://api.jooraccess.com/v2');
CREATE SERVER s FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://127.0.0.1.example.com/v2');
CREATE SERVER s FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'https://user:word@api.jooraccess.com/v2');
CREATE SERVER s FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'https://api.jooraccess.com/v2?overwrite=1');
CREATE SERVER s FOREIGN DATA WRAPPER joor_inventory OPTIONS (url E'https://api.jooraccess.com/v2\r\nX: y');
CREATE SERVER s FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'https://api.jooraccess.com/v2/');
SELECT url FROM joor.preview($$SELECT '1' AS upc, 2 AS inventory$$, 's');
ALTER SERVER s OPTIONS (SET url 'http://localhost:8080/v2');
ALTER SERVER s OPTIONS (SET url 'http://[::1]:8080/v2');
ALTER SERVER s OPTIONS (SET url 'http://127.0.0.1:8080/v2');
ALTER SERVER s OPTIONS (DROP url);

-- unknown options, and options in the wrong place
ALTER SERVER s OPTIONS (ADD colour 'red');
ALTER SERVER s OPTIONS (ADD token 'not-a-secret');
ALTER SERVER s OPTIONS (ADD token_file '/etc/joor');
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (url 'https://api.jooraccess.com/v2');
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (pass 'word');
ALTER FOREIGN DATA WRAPPER joor_inventory OPTIONS (ADD url 'x');
CREATE FOREIGN TABLE t (a int) SERVER s OPTIONS (url 'x');

-- words
ALTER SERVER s OPTIONS (ADD format 'csv');
ALTER SERVER s OPTIONS (ADD format 'json');
ALTER SERVER s OPTIONS (SET format 'XML');
ALTER SERVER s OPTIONS (SET format 'xml');
ALTER SERVER s OPTIONS (ADD json_shape 'deep');
ALTER SERVER s OPTIONS (ADD json_shape 'flat');
ALTER SERVER s OPTIONS (SET json_shape 'nested');
ALTER SERVER s OPTIONS (ADD style_identifier_field 'right');
ALTER SERVER s OPTIONS (ADD style_identifier_field 'documented');
ALTER SERVER s OPTIONS (SET style_identifier_field 'corrected');
ALTER SERVER s OPTIONS (SET style_identifier_field 'both');
ALTER SERVER s OPTIONS (ADD method 'patch');
ALTER SERVER s OPTIONS (ADD method 'put');
SELECT method FROM joor.preview($$SELECT '1' AS upc, 2 AS inventory$$, 's');
ALTER SERVER s OPTIONS (SET method 'post');
SELECT method FROM joor.preview($$SELECT '1' AS upc, 2 AS inventory$$, 's');
ALTER SERVER s OPTIONS (ADD auth_scheme 'basic');
ALTER SERVER s OPTIONS (ADD auth_scheme 'bearer');
ALTER SERVER s OPTIONS (SET auth_scheme 'oauth2');
ALTER SERVER s OPTIONS (ADD negative 'ignore');
ALTER SERVER s OPTIONS (ADD negative 'clamp');
ALTER SERVER s OPTIONS (SET negative 'reject');
ALTER SERVER s OPTIONS (SET negative 'send');
ALTER SERVER s OPTIONS (ADD dec_pending 'perhaps');
ALTER SERVER s OPTIONS (ADD dec_pending 'on');
SELECT url FROM joor.preview($$SELECT '1' AS upc, 2 AS inventory$$, 's');
SELECT url FROM joor.preview($$SELECT '1' AS upc, 2 AS inventory$$, 's', dec_pending => false);
ALTER SERVER s OPTIONS (SET dec_pending 'false');

-- warehouses
ALTER SERVER s OPTIONS (ADD warehouse '');
ALTER SERVER s OPTIONS (ADD warehouse 'Milano');
SELECT body FROM joor.preview($$SELECT '1' AS upc, 2 AS inventory$$, 's');
ALTER SERVER s OPTIONS (ADD warehouses ' New York ,"Paris, Rive Gauche"  , Roma');
SELECT body FROM joor.preview($$SELECT w AS warehouse, '1' AS upc, 2 AS inventory
	FROM unnest('{New York,"Paris, Rive Gauche",Roma,Milano,NULL}'::text[]) w
	WHERE w IS DISTINCT FROM 'Milano'$$, 's');
SELECT body FROM joor.preview($$SELECT 'roma' AS warehouse, '1' AS upc, 2 AS inventory$$, 's');
ALTER SERVER s OPTIONS (SET warehouses 'a,,b');
ALTER SERVER s OPTIONS (SET warehouses '"a');
ALTER SERVER s OPTIONS (SET warehouses '"a" b');
ALTER SERVER s OPTIONS (SET warehouses '');

-- numbers, with units of PostgreSQL's
ALTER SERVER s OPTIONS (ADD max_items '0');
ALTER SERVER s OPTIONS (ADD max_items 'many');
ALTER SERVER s OPTIONS (ADD max_items '2');
ALTER SERVER s OPTIONS (ADD max_bytes '1kB');
ALTER SERVER s OPTIONS (ADD max_bytes '2 GB');
ALTER SERVER s OPTIONS (ADD max_bytes '10 pounds');
ALTER SERVER s OPTIONS (ADD max_bytes '64kB');
ALTER SERVER s OPTIONS (ADD connect_timeout '0');
ALTER SERVER s OPTIONS (ADD connect_timeout 'soon');
ALTER SERVER s OPTIONS (ADD connect_timeout '500ms');
ALTER SERVER s OPTIONS (ADD timeout '2h');
ALTER SERVER s OPTIONS (ADD timeout 'NaN');
ALTER SERVER s OPTIONS (ADD timeout '1.5');
ALTER SERVER s OPTIONS (ADD credits '4');
ALTER SERVER s OPTIONS (ADD credits '1e3');
ALTER SERVER s OPTIONS (ADD credits '0x64');
ALTER SERVER s OPTIONS (ADD credits '30');
ALTER SERVER s OPTIONS (ADD window '-1');
ALTER SERVER s OPTIONS (ADD window '10 s');
ALTER SERVER s OPTIONS (ADD reserve '26');
ALTER SERVER s OPTIONS (ADD reserve '25');
ALTER SERVER s OPTIONS (ADD ca_file 'ca.pem');
ALTER SERVER s OPTIONS (ADD ca_file '/etc/ssl/certs/ca.pem');
SELECT srvoptions FROM pg_foreign_server WHERE srvname = 's';

-- secrets: never shown, whatever is wrong with them
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (token '');
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (token E'hidden\nX: y');
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (token 'one', token_file '/two');
CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (token_file 'two');
SELECT joor.set_token('s', 'hid den');
SELECT joor.set_token('s', 'first');
SELECT umuser, umoptions FROM pg_user_mapping m JOIN pg_foreign_server s ON s.oid = umserver;
SELECT joor.set_token('s', 'second');
ALTER USER MAPPING FOR PUBLIC SERVER s OPTIONS (DROP token, ADD token_file '/nowhere/token');
SELECT * FROM joor.push($$SELECT '1' AS upc, 2 AS inventory$$, 's');
SELECT joor.set_token('s', 'third');
SELECT umuser, umoptions FROM pg_user_mapping m JOIN pg_foreign_server s ON s.oid = umserver;
SELECT joor.set_token('nowhere', 'x');
SELECT joor.set_token('s', 'x', 'nobody_here');

-- not ours
CREATE FOREIGN DATA WRAPPER other;
CREATE SERVER other FOREIGN DATA WRAPPER other;
SELECT * FROM joor.preview($$SELECT '1' AS upc, 2 AS inventory$$, 'other');
SELECT joor.set_token('other', 'x');
SELECT * FROM joor.preview($$SELECT '1' AS upc, 2 AS inventory$$, 'nowhere');

-- nothing is sent before activation
SELECT * FROM joor.push($$SELECT '1' AS upc, 2 AS inventory$$, 's');
SELECT * FROM joor.push_sku('A', 'B', 3, upc => '1', server => 's');
SELECT joor.pause('s');
SELECT joor.resume('s');
SELECT joor.deactivate('s');
SELECT account, state, reason, credits_left, rejections_open FROM joor.status;

-- an arming of another cluster or database does not count
INSERT INTO joor.account SELECT 1, 's', system_identifier + 1, oid, now(), 'x', NULL, NULL, now()
	FROM pg_control_system(), pg_database WHERE datname = current_database();
SELECT account, state, reason FROM joor.status;
SELECT * FROM joor.push($$SELECT '1' AS upc, 2 AS inventory$$, 's');
UPDATE joor.account SET serverid = s.oid FROM pg_foreign_server s WHERE srvname = 's';
SELECT account, state, reason FROM joor.status;
UPDATE joor.account SET system_identifier = system_identifier - 1, database = 1;
SELECT account, state, reason FROM joor.status;
SELECT * FROM joor.push($$SELECT '1' AS upc, 2 AS inventory$$, 's');

-- pause, resume, deactivate
UPDATE joor.account SET database = d.oid FROM pg_database d WHERE datname = current_database();
SELECT account, state, reason FROM joor.status;
BEGIN;
SELECT joor.pause('s');
SELECT account, state, reason LIKE 'paused at % by %' AS says_why FROM joor.status;
\set VERBOSITY terse
SELECT * FROM joor.push($$SELECT '1' AS upc, 2 AS inventory$$, 's');
\set VERBOSITY default
ROLLBACK;
SELECT joor.pause('s');
SELECT joor.resume('s');
SELECT account, state, reason FROM joor.status;
SELECT joor.deactivate('s');
SELECT account, state FROM joor.status;

-- arguments
SELECT * FROM joor.push(NULL, 's');
SELECT * FROM joor.push('SELECT 1', NULL);
SELECT * FROM joor.push('SELECT 1', 's', overwrite => NULL);
SELECT * FROM joor.push('SELECT 1', 's', on_failure => 'ignore');
SELECT * FROM joor.preview(NULL, 's');
SELECT * FROM joor.preview('SELECT 1', 's', format => 'csv');
SELECT * FROM joor.push_sku(NULL, 'B', 3, server => 's');
SELECT * FROM joor.push_sku('A', 'B', NULL, upc => '1', server => 's');
SELECT * FROM joor.push_sku('A', 'B', 3, server => 's');
SELECT * FROM joor.push_sku('A', 'B', 3, color_code => '001', server => 's');

-- parameters
SET joor_inventory.enabled = off;
SHOW joor_inventory.enabled;
SHOW joor_inventory.request_retention;
SHOW joor_inventory.request_max_rows;

DROP SERVER other;
DROP FOREIGN DATA WRAPPER other;
DROP EXTENSION joor_inventory CASCADE;
SELECT count(*) FROM pg_namespace WHERE nspname = 'joor';
