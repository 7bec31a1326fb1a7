-- The last event each alternative forbids: ?2 is a JSON array of [request, after, [types]].
-- CROSS JOIN keeps the short list outermost: one look-up each, never a walk over the log.
SELECT c.value ->> 0 AS request, max(e.position) AS position
FROM json_each(?2) AS c
CROSS JOIN json_each(c.value, '$[2]') AS wanted
CROSS JOIN event AS e ON e.tenant_id = ?1 AND e.type = wanted.value AND e.position > c.value ->> 1
GROUP BY c.key
