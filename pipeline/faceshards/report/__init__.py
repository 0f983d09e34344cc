"""The quality report: one HTML page that a person reads, and the tables behind `dvc plots`."""
