SELECT used_at
FROM session_use
WHERE tenant_id = $1 AND session_id = $2
