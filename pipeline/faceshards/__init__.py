"""Face images to training shards with Face Semantic Erasing: read them with `faceshards.open`."""
