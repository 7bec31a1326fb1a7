INSERT INTO projection_node (tenant_id, node, beat, seen_at, skill)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, node) DO UPDATE SET beat = excluded.beat, seen_at = excluded.seen_at
