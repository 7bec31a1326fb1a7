SELECT endpoint_id, kind, description, include_personal, url, types, member, team, language, secret, former_secret,
       former_until, created_at, created_by, disabled_at, disabled_because, cursor_at
FROM endpoint
WHERE tenant_id = $1 AND endpoint_id = $2
