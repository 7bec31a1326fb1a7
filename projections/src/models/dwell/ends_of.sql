SELECT effective_at, reason
FROM dwell_end
WHERE tenant_id = $1 AND generation = $2 AND customer = $3 AND position <= $4
ORDER BY position
