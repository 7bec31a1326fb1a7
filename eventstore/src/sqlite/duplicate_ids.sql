-- Which of some event ids are in the log. Binds: a JSON array of them in hexadecimal, the tenant.
-- CROSS JOIN keeps the short list outermost: one look-up each, never a walk over the log.
SELECT 'id' AS fact, e.id
FROM json_each(?) AS wanted
CROSS JOIN event AS e ON e.tenant_id = ? AND e.id = unhex(wanted.value);
