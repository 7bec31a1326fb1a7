-- A full tile. Binds: each column.
INSERT INTO tile (tenant_id, level, tile_index, hashes)
VALUES ($1, $2, $3, $4)
