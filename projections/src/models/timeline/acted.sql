-- No index serves this: it is asked once, about a name that nothing else knows.
SELECT r.actor
FROM timeline_row r
WHERE r.tenant_id = $1 AND r.generation = $2 AND r.actor IN ($3, $4)
LIMIT 1
