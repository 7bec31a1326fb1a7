UPDATE timeline_row SET chars = NULL
WHERE tenant_id = $1 AND generation = $2 AND customer = $3 AND chars IS NOT NULL
