-- A tile. Binds: the tenant, the level, the index.
SELECT hashes FROM tile WHERE tenant_id = ?1 AND level = ?2 AND tile_index = ?3;
