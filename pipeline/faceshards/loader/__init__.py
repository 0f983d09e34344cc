"""Read shards from a trainer: `faceshards.open`, and `faceshards.loader.torch` where torch is wanted."""
