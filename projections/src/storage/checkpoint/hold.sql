-- The row of a generation's checkpoint, to the end of the transaction, if its seat is still the one that is known.
UPDATE projection_checkpoint
SET epoch = epoch + 1
WHERE tenant_id = $1 AND projection = $2 AND generation = $3 AND epoch = $4
