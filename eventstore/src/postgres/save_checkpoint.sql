-- A signed note over the tree of a given size. Binds: each column.
INSERT INTO checkpoint (tenant_id, size, note)
VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, size) DO UPDATE SET note = excluded.note
