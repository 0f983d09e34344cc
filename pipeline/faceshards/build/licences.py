"""The licences of the sources that are known, and what a data set made of them may be given under."""

from faceshards.errors import LicenceError

UNSTATED_LICENCE = "not stated: ask whoever gave you the images"
DEMO_LICENCE = "MIT"
FACESYNTHETICS_LICENCE = "R-UDA-1.0"
CELEBAMASK_LICENCE = "CelebAMask-HQ's agreement: non-commercial research only, no part of it may be passed on"
LAPA_LICENCE = "LaPa's terms: non-commercial research only"


def licence_of_dataset(of_source: str, named: str | None) -> str:
    """The licence that a data set names: the params' own, or else the source's.

    Args:
        of_source: what the stage `download` took the source's licence for.
        named: the param ``dataset.licence``.

    Raises:
        LicenceError: another one is named for images of FaceSynthetics, with which its terms are passed on.
    """
    if of_source == FACESYNTHETICS_LICENCE and named not in (None, of_source):
        raise LicenceError(
            f"dataset.licence: expected {of_source!r}, whose terms are passed on with the images of FaceSynthetics; "
            f"found {named!r}. Leave it null in params.yaml"
        )
    return named or of_source
