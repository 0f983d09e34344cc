"""The shard store: Zarr v3 groups, two Parquet tables and `dataset.json`, written once and read anywhere."""
