"""Which of the ten demo faces that the report is tested on are odd, by the number of their frame."""

TRUNCATED, LOST_POINTS = 3, 6
COPIED, COPY = 0, 9

BIDI = "\u202egnp.sdrow"
"""A name that turns round whatever follows it."""
