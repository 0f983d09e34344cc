"""The licences of data sets: nothing is downloaded before its licence is accepted by name."""

from faceshards.errors import LicenceError
from faceshards.source.fetch.recipe import DownloadRecipe

TERMS = {
    "R-UDA-1.0": (
        "Microsoft's Research Use of Data Agreement v1.0: use by computers for non-commercial research only, neither "
        "the data nor results from it in anything commercial (2.1), no payment for the data (2.2); whoever passes the "
        "data on keeps the credit and binds every recipient to the same terms (3.1); no warranty (4). "
        "The full text is LICENSE.txt in the repository microsoft/FaceSynthetics"
    ),
}
"""Each licence's terms in brief, by its name in recipes; numbers are those of its sections."""


def require_licence(recipe: DownloadRecipe, accepted: str | None) -> None:
    """Pass only where the user has accepted the recipe's licence by name.

    Args:
        recipe: what is about to be downloaded.
        accepted: the param ``source.accept_licence``.

    Raises:
        LicenceError: with the terms and the param to set.
    """
    if accepted == recipe.licence:
        return
    raise LicenceError(
        f"{recipe.files[0].name} is under {recipe.licence}. {TERMS[recipe.licence]}. "
        f"If you accept, set `source.accept_licence: {recipe.licence}` in params.yaml (found {accepted!r})"
    )
