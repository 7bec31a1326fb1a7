-- The note that was signed of the largest log. Bind: the tenant.
SELECT note
FROM checkpoint
WHERE tenant_id = ?1
ORDER BY size DESC
LIMIT 1;
