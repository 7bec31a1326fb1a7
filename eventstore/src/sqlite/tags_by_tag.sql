-- The tags after one, in their order in the table, blind ones left out. Binds: the tenant, the tag and the position of that
-- one, how many at most.
SELECT position, type, tag
FROM event_tag
WHERE tenant_id = ?1 AND (tag, position) > (?2, ?3) AND blind_subject IS NULL
ORDER BY tag, position
LIMIT ?4
