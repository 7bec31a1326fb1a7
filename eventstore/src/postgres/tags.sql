-- The tags of the entries after one position and up to another, blind ones left out. Binds: the tenant, the positions.
SELECT position, type, tag
FROM event_tag
WHERE tenant_id = $1 AND position > $2 AND position <= $3 AND blind_subject IS NULL
