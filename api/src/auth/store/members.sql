SELECT actor, roles, changed_at
FROM member
WHERE tenant_id = $1
ORDER BY actor
