-- The tenants whose newest entries have tags that are not in the index yet. No binds.
SELECT tenant_id
FROM log_head
WHERE indexed < position
ORDER BY tenant_id;
