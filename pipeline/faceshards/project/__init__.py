"""The repository of a data set: made, taken over by a new release, and checked before it runs."""
