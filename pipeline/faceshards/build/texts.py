"""What card and Croissant file say alike of a store."""

ARRAYS = {
    "image": "Aligned face, RGB, 112x112.",
    "region": "Region id of each pixel, 0 to 24; 255 where none applies.",
    "variant": "The face with random regions erased, one picture a variant.",
    "usable": "Whether the row holds a face; the others are holes.",
    "erased": "For each variant, a bit mask of the region ids erased in it.",
    "identity": "Class id of the person; -1 where it is not known.",
}
