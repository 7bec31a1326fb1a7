UPDATE timeline_row
SET known_until = $6
WHERE tenant_id = $1 AND generation = $2 AND customer = $3 AND position = $4 AND known_from = $5
