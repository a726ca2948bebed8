-- An account that is activated, as the ten lines of the README make it.
CREATE EXTENSION joor_inventory;
CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory
    OPTIONS (url 'https://apisandbox.jooraccess.com/v2', warehouses 'Milano, New York');
SELECT joor.set_token('joor', 'sandbox-token');
SELECT * FROM joor.activate('joor');
