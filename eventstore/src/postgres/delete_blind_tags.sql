-- Forgets by what subjects could be found. Binds: the tenant, the subjects.
DELETE FROM event_tag WHERE tenant_id = $1 AND blind_subject = ANY ($2)
