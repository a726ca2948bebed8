-- The feed of doc/reference.md; and what operations begin with: an extension
-- that is not there yet, and another account.
CREATE TABLE sku (sku_id int PRIMARY KEY, upc text, on_joor boolean);
CREATE TABLE stock_level (sku_id int, warehouse text, on_hand int, reserved int);
INSERT INTO sku VALUES (1, '8001234500011', true), (2, '8001234500028', true);
INSERT INTO stock_level VALUES (1, 'Milano', 120, 7), (2, 'New York', 12, 4);
ALTER SERVER joor OPTIONS (SET warehouses 'Milano, New York, Outlet');
SELECT joor.create_feed('shop', $$
    SELECT k.sku_id, k.upc, l.warehouse, sum(l.on_hand - l.reserved) AS inventory
    FROM sku k JOIN stock_level l USING (sku_id)
    WHERE k.on_joor
    GROUP BY k.sku_id, k.upc, l.warehouse
$$, key => 'sku_id');
SELECT joor.watch('shop', 'stock_level', key => 'sku_id');
CREATE SERVER other FOREIGN DATA WRAPPER joor_inventory
    OPTIONS (url 'https://apisandbox.jooraccess.com/v2', warehouses 'Milano, New York, Outlet');
SELECT joor.set_token('other', 'sandbox-token');
SELECT * FROM joor.activate('other');
