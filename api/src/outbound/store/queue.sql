INSERT INTO delivery (tenant_id, endpoint_id, position, event_id, event_type, parts, state, attempts, next_at, queued_at,
                      changed_at, epoch)
VALUES ($1, $2, $3, $4, $5, $6, 'pending', 0, $7, $7, $7, 0)
ON CONFLICT (tenant_id, endpoint_id, position) DO NOTHING
