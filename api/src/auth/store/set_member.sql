INSERT INTO member (tenant_id, actor, roles, changed_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, actor) DO UPDATE SET roles = excluded.roles, changed_at = excluded.changed_at
