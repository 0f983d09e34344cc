"""The stages of the pipeline as library functions, and what they share."""
