INSERT INTO service_instant (tenant_id, name, at)
VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, name) DO UPDATE SET at = excluded.at
