"""The database: one schema, portable statements, group-committed writes. No SQL stands anywhere else."""
