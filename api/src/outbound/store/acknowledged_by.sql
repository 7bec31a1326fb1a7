SELECT consumer_id, starts, position, acknowledged_at
FROM consumer
WHERE tenant_id = $1 AND consumer_id = $2
