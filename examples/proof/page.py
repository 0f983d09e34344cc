"""Write docs/proof.md, its pictures and the README's sentence from results.csv. Needs matplotlib, and no LFW.

python -m examples.proof.page
"""

import argparse
import hashlib
import re
from itertools import product
from pathlib import Path
from typing import Any, get_args

import jinja2

from examples.proof import pictures, tables
from examples.proof.known import PAIRS, read_known
from examples.proof.lfw import LEFT_OUT, read_left_out
from examples.proof.rows import ANSWERS, HALVES, RESULTS, SEEDS, Trial, finished, is_finished, read_rows
from examples.proof.run import settings_of
from examples.proof.settings import Settings
from examples.proof.statistics import ARMS, METRICS, Comparison, Difference
from examples.proof.sweep import SWEEP
from examples.proof.tables import points
from examples.recognition.command import run
from examples.recognition.nets import NETS, IResNet
from examples.recognition.train import HeadName
from faceshards.counted import counted
from faceshards.errors import ParamsError, SourceFormatError, SourceNotFoundError
from faceshards.transforms import FSErasing

TEMPLATE = Path(__file__).with_name("page.md.j2")
_FEWEST = 200
START, END = "<!-- what examples.proof.page found -->", "<!-- end -->"


def write_page(results: Path, page: Path, draws: int = 1000) -> str:
    """Write the page and, in a folder of its name beside it, the pictures.

    Args:
        results: folder of results.csv.
        page: where to.
        draws: of the bootstrap.

    Returns:
        The sentence that says what was found.
    """
    known = read_known(results / PAIRS)
    rows = finished(results)
    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for net, head in product(dict.fromkeys(trial.net for trial in rows), get_args(HeadName)):
        comparison = Comparison.read(results, known, net, head, draws)
        if comparison is not None:
            seeds = comparison.seeds
            own = {t: row for t, row in rows.items() if (t.net, t.head) == (net, head) and t.seed in seeds}
            pictures.save(comparison, own, folder, f"{net}-{head}")
            parts.append(_part(net, head, comparison, own))
    settings = next(iter(rows.values()), None) or settings_of(Settings())
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    text = environment.get_template(TEMPLATE.name).render(
        digest=digest(results),
        found=finding(parts),
        parts=parts,
        counts=tables.counts_table(rows),
        sizes={net: sum(weights.numel() for weights in IResNet(NETS[net]).parameters()) for net in SEEDS},
        trained={trial.net for trial in rows},
        finished=is_finished(rows),
        halves={half: next((row for trial, row in rows.items() if trial.half == half), None) for half in HALVES},
        tested=sum(len(each.pairs.same) for each in known.values()),
        left_out=read_left_out(LEFT_OUT),
        seeds=SEEDS,
        settings=settings,
        regions=re.findall(r"\d+", str(settings["n_regions"])),
        choosable=len(FSErasing().classes),
        draws=draws,
        sweep=tables.sweep_table(read_rows(results / SWEEP)),
        folder=folder.name,
    )
    page.write_text(text)
    return finding(parts)


def _part(net: str, head: HeadName, of: Comparison, rows: dict[Trial, dict[str, str]]) -> dict[str, Any]:
    """All that the page says of one net and head."""
    return {
        "net": net,
        "head": head,
        "name": f"{net}-{head}",
        "title": f"net `{net}`, {'ArcFace' if head == 'arcface' else 'softmax'}",
        "comparison": of,
        "seeds": counted(len(of.seeds), "seed"),
        "figures": tables.figures_table(of),
        "against": {reference: tables.difference_table(of, reference) for reference in tables.REFERENCES},
        "trainings": {reference: tables.trainings_table(of, reference) for reference in tables.REFERENCES},
        "halves": [f"{100 * share:.1f}" for share in of.each[0, :, :, METRICS.index("accuracy")].mean(0)],
        "smallest": f"{100 * of.difference('accuracy', 'on-the-fly', 'none').smallest:.1f}",
        "falls": tables.falls_table(of),
        "hair": {
            arm: f"{fall:.3f}"
            for arm, fall in zip(ARMS, of.values()[:, METRICS.index("fall without hair")], strict=True)
        },
        "drawn": {arm: points(of.difference("an occluder drawn", arm, "none")) for arm in ARMS[1:]},
        "hidden": tables.hidden_table(of),
        "gains": [points(of.difference(metric, "on-the-fly", "none")) for metric in ("accuracy", "eer")],
        "spread": tables.spread_table(of),
        "learning": tables.learning_table(rows),
        "seconds": tables.seconds_of(rows.values()),
    }


def digest(results: Path) -> str:
    """Of all that the page is made from, which the page names, so that a test sees a page that is behind."""
    sha = hashlib.sha256()
    answers = sorted((results / ANSWERS).glob("*.npz"))
    for path in (results / RESULTS, results / SWEEP, results / PAIRS, LEFT_OUT, TEMPLATE, *answers):
        sha.update(path.read_bytes() if path.exists() else b"")
    return sha.hexdigest()


def finding(parts: list[dict[str, Any]]) -> str:
    """What erasing on the fly does, as a sentence and a table with intervals; or that nothing can be said yet."""
    if not parts:
        return "Nothing can be said yet of what FSErasing does for recognition on real faces."
    verdicts: dict[str, dict[str, list[str]]] = {}
    lines = []
    for part in parts:
        of = part["comparison"]
        for metric in ("accuracy", "an occluder drawn"):
            found = verdict(of.difference(metric, "on-the-fly", "none"))
            verdicts.setdefault(metric, {}).setdefault(found, []).append(part["title"])
        columns = [("accuracy", "none"), ("accuracy", "rectangle"), ("tar_at_0.01", "none")]
        columns += [("an occluder drawn", "none"), ("an occluder drawn", "rectangle")]
        cells = [points(of.difference(metric, "on-the-fly", reference)) for metric, reference in columns]
        over = "" if len(of.seeds) > 1 else " (interval over people alone)"
        lines.append([f"{part['title']}, {part['seeds']}{over}", *cells])
    whole, drawn = map(by_verdict, verdicts.values())
    head = ["trained", "whole faces, against no erasing", "whole faces, against rectangles"]
    head += ["TAR at a FAR of 0.01, against no erasing"]
    head += [f"something drawn over, against {reference}" for reference in ("no erasing", "rectangles")]
    return (
        f"On whole faces of LFW, erasing regions on the fly brings {whole}. Where something is drawn over the face, "
        f"it brings {drawn}. In points, with 95 % intervals over people and seeds:\n\n{tables.table(head, lines)}"
    )


def by_verdict(titles: dict[str, list[str]]) -> str:
    """Verdicts, and what each is of."""
    if len(titles) == 1 and len(next(iter(titles.values()))) > 1:
        return f"{next(iter(titles))} with all of these nets and heads"
    return " and ".join(f"{found} ({'; '.join(of)})" for found, of in titles.items())


def verdict(difference: Difference) -> str:
    """What an interval allows to say."""
    if difference.low > 0:
        return "a gain"
    return "a loss" if difference.high < 0 else "no difference that can be seen"


def around_sentence(readme: Path) -> tuple[str, str]:
    """What stands before and after the sentence of the README, which is between its two comments.

    Raises:
        SourceNotFoundError: no such file.
        SourceFormatError: the comments are not there once each, in their order.
    """
    if not readme.is_file():
        raise SourceNotFoundError(f"{readme}: expected a README for the sentence, found no such file; give --readme")
    before, start, rest = readme.read_text().partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise SourceFormatError(f"{readme}: expected the lines {START} and {END} around the sentence; put them back")
    return before, after


def write_sentence(readme: Path, sentence: str) -> None:
    """Put the sentence between the README's two comments; raises what `around_sentence` raises."""
    before, after = around_sentence(readme)
    readme.write_text(f"{before}{START}\n{sentence}\n{END}{after}")


def main() -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("results"))
    parser.add_argument("--page", type=Path, default=Path("docs/proof.md"))
    parser.add_argument("--readme", type=Path, default=Path("README.md"))
    parser.add_argument("--draws", type=int, default=1000, help=f"of the bootstrap, {_FEWEST} or more (default: 1000)")
    given = parser.parse_args()
    if given.draws < _FEWEST:
        raise ParamsError(f"--draws: expected {_FEWEST} or more, for the ends of an interval; found {given.draws}")
    around_sentence(given.readme)
    sentence = write_page(given.results, given.page, given.draws)
    write_sentence(given.readme, sentence)
    print(sentence)


if __name__ == "__main__":
    run(main)
