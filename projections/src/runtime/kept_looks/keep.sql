INSERT INTO background_look (tenant_id, worker, tenant, position, until, rules)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, worker, tenant)
DO UPDATE SET position = excluded.position, until = excluded.until, rules = excluded.rules
