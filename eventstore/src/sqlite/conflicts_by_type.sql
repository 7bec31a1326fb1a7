-- The last event that each alternative forbids. Binds: a JSON array of [request, after, [types]], the tenant.
-- CROSS JOIN keeps the short list outermost: one look-up each, never a walk over the log.
SELECT 'conflict' AS fact, c.value ->> 0 AS request, max(e.position) AS position
FROM json_each(?) AS c
CROSS JOIN json_each(c.value, '$[2]') AS wanted
CROSS JOIN event AS e ON e.tenant_id = ? AND e.type = wanted.value AND e.position > c.value ->> 1
GROUP BY c.key;
