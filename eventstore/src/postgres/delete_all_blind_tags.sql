-- Deletes the blind tags of a tenant, to be put there again. Bind: the tenant.
DELETE FROM event_tag WHERE tenant_id = $1 AND blind_subject IS NOT NULL
