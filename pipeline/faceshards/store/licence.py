"""Licences by their SPDX names, for the formats that know them by these."""

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression


def spdx(licence: str) -> str | None:
    """The SPDX expression that a licence is, in SPDX's own letters; None for any other text.

    Example:
        >>> spdx("cc-by-4.0"), spdx("ask the author")
        ('CC-BY-4.0', None)
    """
    try:
        return str(canonicalize_license_expression(licence))
    except InvalidLicenseExpression:
        return None


def licence_url(licence: str) -> str | None:
    """The page of SPDX on a licence; None for several licences, for a ``LicenseRef-`` and for a text."""
    name = spdx(licence)
    if name is None or " " in name or name.startswith("LicenseRef-"):
        return None
    return f"https://spdx.org/licenses/{name}.html"
