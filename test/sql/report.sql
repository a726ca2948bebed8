-- joor.report(): a page that is well-formed, complete in itself and shows what
-- is recorded; hostile texts stay texts.
CREATE EXTENSION joor_inventory;
CREATE FUNCTION page(period interval DEFAULT '1 day') RETURNS xml LANGUAGE sql AS
	$$SELECT xmlparse(DOCUMENT regexp_replace(joor.report(period), '^<!DOCTYPE html>', ''))$$;
CREATE FUNCTION texts(path text, page xml) RETURNS text LANGUAGE sql AS
	$$SELECT string_agg(t::text, ' | ' ORDER BY n) FROM unnest(xpath(path, page)) WITH ORDINALITY x (t, n)$$;

-- nothing is there, and nothing is recorded
SELECT texts('//figure/figcaption/h3/text()', p) AS charts, texts('//figure/p[@class="none"]/text()', p) AS none,
	texts('//svg', p) IS NULL AS "no chart", texts('//table', p) IS NULL AS "no table" FROM page() p;
SELECT texts('//div[@class="tiles"]/div/strong/text()', page()) AS tiles;

CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://127.0.0.1:9/v2', window '60s');
CREATE SERVER "<b>&""" FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://127.0.0.1:9/v2');
CREATE TABLE stock (sku int, upc text, inventory int);
SELECT joor.create_feed('<i>feed', 'SELECT sku, upc, inventory FROM public.stock', 'joor', 'sku');
UPDATE joor.feed_definition SET failed_at = now(), failure = '</td><script>alert(1)</script>';
INSERT INTO joor.request (serverid, server, user_name, source, operation, method, url, overwrite, dec_pending, items, bytes, credits,
	pid, started_at, finished_at, duration, outcome, http_status, rejected, message)
SELECT s.oid, srvname, 'u', 'push', 'bulk_inventory', 'POST', 'u', false, false, items, 1, 5, 1, now() - age, now() - age,
	ms * interval '1 ms', outcome, 200, rejected, '</svg><script>'
FROM pg_foreign_server s, (VALUES ('10 min'::interval, 10, 'delivered', 0, 100), ('10 min', 20, 'partly_rejected', 5, 300),
	('12 h', 7, 'failed', 0, 40), ('23 h', 4, 'throttled', 0, 20), ('2 days', 1000, 'delivered', 0, 9000)) v (age, items, outcome, rejected, ms)
WHERE srvname = 'joor' ORDER BY age DESC, items;
INSERT INTO joor.rejection (serverid, server, source, reason, "position", inventory, rejected_at)
SELECT s.oid, srvname, 'joor', E'bad\x01 \x1b ]]> &amp; <img src=x onerror=alert(1)>',
	'{"style_number":"<script>alert(2)</script>"}', 5, now()
FROM pg_foreign_server s WHERE srvname = 'joor';
INSERT INTO joor.queue_item (id, serverid, server, user_name, queued_at, dec_pending, xid, hash, upc, inventory)
SELECT i, s.oid, srvname, 'u', now() - i * interval '10 hours', false, '1', i, i, 1
FROM pg_foreign_server s, generate_series(1, 3) i WHERE srvname = 'joor';
INSERT INTO joor.published_item (serverid, server, hash, upc, inventory, published_at)
SELECT s.oid, srvname, i, i, 1, now() - i * interval '1 minute' FROM pg_foreign_server s, generate_series(1, 5) i WHERE srvname = 'joor';

-- what is recorded is drawn
SELECT texts('//figure[1]//span/text()', p) AS requests, texts('//figure[2]//span/text()', p) AS items,
	texts('//figure[3]//span/text()', p) AS credits, texts('//figure[4]//span/text()', p) AS "time",
	texts('//figure[5]//span/text()', p) AS waiting, texts('//figure[6]//span/text()', p) AS published FROM page() p;
SELECT substring(t::text FROM ' .*') AS bar FROM unnest(xpath('//figure[1]//rect/title/text()', page())) t;
SELECT substring(t::text FROM ' .*') AS bar FROM unnest(xpath('//figure[4]//rect/title/text()', page())) t;
SELECT texts('//figure[3]//line/@y1', p) AS lines, texts('//figure[3]//svg/text/text()', p) ~ '^0 \| 5 \| 10 ' AS axis,
	texts('//p[@class="note"]/text()', p) AS notes FROM page() p;
SELECT regexp_replace(texts('//div[@class="tiles"]/div/strong/text()', page()), ':\d\d( |$)', ':SS\1', 'g') AS tiles;
SELECT texts('//figure[1]//span/text()', page('3 days')) AS "three days", texts('//figure[1]//span/text()', page('1 hour')) AS "an hour";

-- hostile texts stay texts, and nothing points outside
SELECT texts('//h2/text()', p) AS tables, texts('//tbody/tr/td[1]/span/text()', p) AS names, texts('//tbody/tr/td[8]/span/text()', p) AS texts FROM page() p;
SELECT texts('//tbody/tr/td[4]/span/text()', page()) ~ 'script' AS item;
SELECT count(*) FILTER (WHERE name IN ('script', 'img', 'link', 'iframe', 'object', 'a')) AS foreign
FROM unnest(xpath('//*', page())) x, LATERAL (SELECT substring(x::text FROM '^<([a-z0-9]+)') AS name) n;
SELECT texts('//@*[starts-with(name(), "on") or contains(., "http")]', page()) AS attributes,
	joor.report() ~ 'url\(|@import|https?://' AS references, joor.report() ~ '[\u0001-\u0008\u000b\u000c\u000e-\u001f]' AS "control characters";

-- EXECUTE is all that it takes
CREATE ROLE joor_monitor;
GRANT USAGE ON SCHEMA joor TO joor_monitor;
GRANT EXECUTE ON FUNCTION joor.report TO joor_monitor;
SET ROLE joor_monitor;
SELECT joor.report() LIKE '<!DOCTYPE html><html lang="en">%</html>' AS page;
\set VERBOSITY terse
SELECT * FROM joor.report_page;
RESET ROLE;

DROP FUNCTION page, texts;
DROP EXTENSION joor_inventory CASCADE;
DROP TABLE stock;
DROP ROLE joor_monitor;
