-- Which of these event ids are in the log: ?2 is a JSON array of ids in hexadecimal.
-- CROSS JOIN keeps the short list outermost: one look-up each, never a walk over the log.
SELECT e.id
FROM json_each(?2) AS wanted
CROSS JOIN event AS e ON e.tenant_id = ?1 AND e.id = unhex(wanted.value)
