"""Versions of a store: what tells two apart, and how one that is damaged is mended from another."""
