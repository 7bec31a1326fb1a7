INSERT INTO projection_parked (tenant_id, projection, position, subject, event_type, cause, skipped)
VALUES ($1, $2, $3, $4, $5, $6, $7)
