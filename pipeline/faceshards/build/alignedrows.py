"""The manifest columns of the stage `align`: what is known of a face where it lay in the source."""

import pyarrow as pa

HAS_TRUTH = pa.field("has_truth", pa.bool_())
"""Manifest column: the source has ground truth for this face."""

FACE_SIZE = pa.field("face_size", pa.float32())
"""Manifest column: the side of the aligned square in pixels of the source's image; null where the face dropped out."""

ROLL = pa.field("roll", pa.float32())
"""Manifest column: by how many degrees the face was tilted clockwise in the source's image, -180 to 180; or null."""

COLUMNS = (HAS_TRUTH, FACE_SIZE, ROLL)
"""The manifest columns of the stage."""
