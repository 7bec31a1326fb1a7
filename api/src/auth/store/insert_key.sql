INSERT INTO api_key (tenant_id, key_id, hash, actor, roles, scopes, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
