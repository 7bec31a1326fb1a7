INSERT INTO api_key (tenant_id, key_id, hash, actor, roles, scopes, created_at, revoked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, key_id) DO UPDATE SET
    hash = excluded.hash, actor = excluded.actor, roles = excluded.roles, scopes = excluded.scopes,
    created_at = excluded.created_at, revoked_at = excluded.revoked_at
