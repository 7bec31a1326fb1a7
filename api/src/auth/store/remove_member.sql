DELETE FROM member
WHERE tenant_id = $1 AND actor = $2
