-- The tags in the index that entries name themselves. Binds: the tenant, the position before the first, the last.
SELECT position, type, tag
FROM event_tag
WHERE tenant_id = ?1 AND position > ?2 AND position <= ?3 AND blind_subject IS NULL;
