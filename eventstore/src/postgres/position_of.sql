-- Where an event stands. Binds: the tenant, the event's id.
SELECT position FROM event WHERE tenant_id = $1 AND id = $2
