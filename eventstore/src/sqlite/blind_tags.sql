-- A page of the blind tags. Binds: the tenant; subject, tag and position of the one before; how many at most.
SELECT blind_subject, tag, position, type
FROM event_tag
WHERE tenant_id = ?1
    AND blind_subject IS NOT NULL
    AND (blind_subject, tag, position) > (?2, ?3, ?4)
ORDER BY blind_subject, tag, position
LIMIT ?5;
