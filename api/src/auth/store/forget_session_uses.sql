DELETE FROM session_use
WHERE tenant_id = $1 AND used_at < $2
