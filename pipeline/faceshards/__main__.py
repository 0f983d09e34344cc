"""`python -m faceshards`, where the script `faceshards` is not on the path."""

from faceshards.cli import main

main(prog_name="faceshards")
