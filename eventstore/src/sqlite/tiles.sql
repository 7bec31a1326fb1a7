-- The tiles of a level from an index on. Binds: the tenant, the level, the index.
SELECT tile_index, hashes
FROM tile
WHERE tenant_id = ?1 AND level = ?2 AND tile_index >= ?3
ORDER BY tile_index
LIMIT 256;
