-- Stores a full tile. Binds: the tenant, the level, the index, the hashes.
INSERT INTO tile (tenant_id, level, tile_index, hashes)
VALUES (?1, ?2, ?3, ?4);
