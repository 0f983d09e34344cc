"""What the package index shows of README.md: the index has none of the files that its links and pictures lead to."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# The repository has no public address yet, which such links could be made to lead to.
_TO_A_FILE = re.compile(r"(!?)\[([^\]]*)\]\((?!https?://|#)[^)]*\)")


class ReadmeHook(MetadataHookInterface):
    """Gives the project's metadata its `readme`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """See hatchling."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": _without_files(text)}


def _without_files(text: str) -> str:
    return _TO_A_FILE.sub(lambda link: f"*(Picture: {link[2]})*" if link[1] else link[2], text)
