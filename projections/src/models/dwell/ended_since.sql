SELECT position
FROM dwell_end
WHERE tenant_id = $1 AND generation = $2 AND position > $3 AND position <= $4
LIMIT 1
