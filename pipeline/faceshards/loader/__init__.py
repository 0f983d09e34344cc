"""What `faceshards.open` and `faceshards.Loader` are made of; private."""
