SELECT DISTINCT customer
FROM work_standing
WHERE tenant_id = $1 AND generation = $2 AND journey = $3 AND customer > $4
ORDER BY customer
LIMIT $5
