INSERT INTO consumer (tenant_id, consumer_id, starts, position, acknowledged_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, consumer_id) DO UPDATE
SET starts = excluded.starts, position = excluded.position, acknowledged_at = excluded.acknowledged_at
WHERE consumer.starts < excluded.starts OR (consumer.starts = excluded.starts AND consumer.position < excluded.position)
