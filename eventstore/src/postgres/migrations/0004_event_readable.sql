-- For people who write SQL: instants as timestamps, the entry as JSON. The caller sees what they may see.
CREATE OR REPLACE VIEW event_readable WITH (security_invoker = true) AS
SELECT
    e.tenant_id AS tenant,
    e.position,
    e.id,
    e.type,
    timestamptz 'epoch' + e.recorded_at * interval '1 microsecond' AS recorded_at,
    (convert_from(e.entry, 'UTF8')::json ->> 'time')::timestamptz AS effective_at,
    convert_from(e.entry, 'UTF8')::json ->> 'subject' AS subject,
    convert_from(e.entry, 'UTF8')::json ->> 'actor' AS actor,
    convert_from(e.entry, 'UTF8')::json -> 'data' AS data
FROM event AS e;
