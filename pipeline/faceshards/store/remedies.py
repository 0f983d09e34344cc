"""What to do about a store that is not as it was written, for messages."""

IF_MISSING = (
    "`faceshards verify` lists all damage; `faceshards repair`, or `dvc checkout --force`, brings the file back"
)
IF_DAMAGED = (
    "`faceshards verify` lists all damage, and `faceshards repair` mends it from another copy; DVC's cached copy may "
    "share the damage, which `dvc checkout` does not see (docs/store.md, Damage)"
)
IF_WRONG = (
    "Its bytes are those that were written, so that no copy is better: build the store again, or take another version"
)
