INSERT INTO endpoint (tenant_id, endpoint_id, kind, description, include_personal, url, types, member, team, language,
                      secret, created_at, created_by, cursor_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
