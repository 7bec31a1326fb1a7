-- Forgets a blind tag of one entry. Binds: the tenant, the tag, the entry's position.
DELETE FROM event_tag WHERE tenant_id = $1 AND tag = $2 AND position = $3 AND blind_subject IS NOT NULL
