-- Deletes the blind tags of a subject. Binds: the tenant, the subject.
DELETE FROM event_tag
WHERE tenant_id = ?1 AND blind_subject = ?2;
