-- The view and the feed that the grants name.
CREATE TABLE stock (upc text, warehouse text, on_hand int);
CREATE VIEW joor_stock AS SELECT upc, warehouse, on_hand AS inventory FROM stock;
SELECT joor.create_feed('shop', 'TABLE joor_stock', key => 'upc');
