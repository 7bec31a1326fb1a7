-- Every signed note, the smallest log first. Bind: the tenant.
SELECT size, note
FROM checkpoint
WHERE tenant_id = ?1
ORDER BY size;
