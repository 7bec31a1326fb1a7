INSERT INTO session_use (tenant_id, session_id, used_at)
VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, session_id) DO UPDATE SET used_at = excluded.used_at
