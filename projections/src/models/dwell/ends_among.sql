SELECT customer, position, effective_at, reason
FROM dwell_end
WHERE tenant_id = $1 AND generation = $2 AND position <= $3 AND customer IN
