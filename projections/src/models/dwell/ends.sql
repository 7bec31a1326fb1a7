SELECT customer, effective_at, reason
FROM dwell_end
WHERE tenant_id = $1 AND generation = $2 AND position <= $3
ORDER BY customer, position
