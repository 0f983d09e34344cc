"""`python -m faceshards.cli`, where the script `faceshards` is not on the path."""

from faceshards.cli import main

main()
