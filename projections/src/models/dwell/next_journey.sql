SELECT journey
FROM dwell_move
WHERE tenant_id = $1 AND generation = $2 AND journey > $3
ORDER BY journey
LIMIT 1
