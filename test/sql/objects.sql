-- What the extension consists of: nothing without a comment, nothing for
-- PUBLIC, nothing left after DROP EXTENSION.
CREATE SCHEMA hostile;
SET search_path = hostile, public;
CREATE EXTENSION joor_inventory;
RESET search_path;

SELECT pg_describe_object(classid, objid, objsubid) AS object
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'joor_inventory')
	AND classid <> 'pg_type'::regclass	-- row types are listed from 17 on
ORDER BY pg_describe_object(classid, objid, objsubid) COLLATE "C";

-- without a comment
SELECT pg_describe_object(classid, objid, 0) AS object
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'joor_inventory')
	AND classid NOT IN ('pg_type'::regclass)
	AND obj_description(objid, classid::regclass::name) IS NULL
	AND NOT EXISTS (SELECT FROM pg_class WHERE oid = objid AND relkind IN ('i', 'S'));
SELECT c.oid::regclass, attname
FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid
WHERE relnamespace = 'joor'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0
	AND NOT attisdropped AND col_description(c.oid, attnum) IS NULL;

-- for PUBLIC
CREATE ROLE joor_nobody;
SET ROLE joor_nobody;
SELECT has_schema_privilege('joor', 'USAGE') AS schema;
SELECT p.oid::regprocedure FROM pg_proc p
WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'joor')
	AND has_function_privilege(p.oid, 'EXECUTE');
SELECT relname FROM pg_class
WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'joor')
	AND relkind IN ('r', 'v')
	AND has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');
SELECT has_foreign_data_wrapper_privilege('joor_inventory', 'USAGE') AS wrapper;
RESET ROLE;
DROP ROLE joor_nobody;

-- volatility, parallel safety, strictness
SELECT p.oid::regprocedure AS function, provolatile, proparallel, proisstrict, prosecdef
FROM pg_proc p WHERE pronamespace = 'joor'::regnamespace ORDER BY 1;

DROP EXTENSION joor_inventory;
SELECT count(*) FROM pg_namespace WHERE nspname = 'joor';
DROP SCHEMA hostile;
