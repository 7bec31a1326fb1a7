INSERT INTO rights_reached (tenant_id, position)
VALUES ($1, $2)
ON CONFLICT (tenant_id) DO UPDATE SET position = excluded.position WHERE rights_reached.position <= excluded.position
