-- Tags of entries; what is there stays. Binds: the tenant, a JSON array of [position, type, tag, blind subject in
-- hexadecimal or null].
INSERT INTO event_tag (tenant_id, tag, position, type, blind_subject)
SELECT ?, t.value ->> 2, t.value ->> 0, t.value ->> 1, unhex(t.value ->> 3)
FROM json_each(?) AS t
WHERE true
ON CONFLICT (tenant_id, tag, position) DO NOTHING;
