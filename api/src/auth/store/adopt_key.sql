INSERT INTO api_key (tenant_id, key_id, hash, actor, roles, scopes, created_at, revoked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, key_id) DO UPDATE SET revoked_at = excluded.revoked_at
