"""How well scores tell pairs of one person from pairs of two: ROC, EER, TAR at a FAR, and accuracy as on LFW.

Pairs have weights, so that a bootstrap over people costs no copies. Whatever the weights are, genuine pairs (of one
person) count one half in an accuracy and impostor pairs the other, as in LFW's list, which has as many of both.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceshards.errors import ParamsError

FloatArray = NDArray[np.floating]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)  # arrays do not compare to one bool
class Pairs:
    """Pairs of faces to be told apart.

    Attributes:
        first: (P,) int64, which face; of whatever the pairs belong to.
        second: (P,) int64.
        same: (P,) bool, whether both are the same person.
        fold: (P,) int64 from 0: where a pair's threshold is chosen from the pairs of the other folds.
    """

    first: IntArray
    second: IntArray
    same: BoolArray
    fold: IntArray

    @property
    def folds(self) -> int:
        """How many folds."""
        return int(self.fold.max()) + 1

    def scores(self, embeddings: FloatArray) -> FloatArray:
        """Cosine similarity of each pair, (P,), from (N, D) embeddings of unit length."""
        scores: FloatArray = np.einsum("pd,pd->p", embeddings[self.first], embeddings[self.second])
        return scores


def all_pairs(identities: IntArray, folds: int = 10) -> Pairs:
    """Every pair of faces once; genuine and impostor pairs are dealt to the folds in turn.

    Args:
        identities: (N,) who is on each face.
        folds: how many; fewer where there are not enough pairs of both kinds.
    """
    first, second = np.triu_indices(len(identities), k=1)
    same = identities[first] == identities[second]
    genuine = int(same.sum())
    folds = max(1, min(folds, genuine, len(same) - genuine))
    fold = np.empty(len(first), np.int64)
    for kind in (same, ~same):
        fold[kind] = np.arange(np.count_nonzero(kind)) % folds
    return Pairs(first.astype(np.int64), second.astype(np.int64), same, fold)


@dataclass(frozen=True, slots=True, eq=False)
class Roc:
    """What each threshold accepts, from none of the pairs to all of them.

    Attributes:
        threshold: (T,) float64, falling: a pair is accepted whose score is at least this; the first is infinite.
        far: (T,) float64 false accept rate: share of the impostor pairs that are accepted.
        tar: (T,) float64 true accept rate: share of the genuine pairs that are accepted.
    """

    threshold: NDArray[np.float64]
    far: NDArray[np.float64]
    tar: NDArray[np.float64]

    def tar_at(self, far: float) -> float:
        """The highest true accept rate of a threshold whose false accept rate is at most `far`."""
        return float(self.tar[np.searchsorted(self.far, far, side="right") - 1])

    @property
    def eer(self) -> float:
        """Equal error rate: where false accepts and false rejects meet, on straight lines between the thresholds."""
        gap = self.far - (1 - self.tar)  # rises from -1 to 1
        right = int(np.argmax(gap >= 0))
        left = right - 1
        share = -gap[left] / (gap[right] - gap[left])
        return float(self.far[left] + share * (self.far[right] - self.far[left]))

    @property
    def auc(self) -> float:
        """Area under the curve."""
        return float(np.trapezoid(self.tar, self.far))


def roc(scores: FloatArray, same: BoolArray, weights: FloatArray | None = None) -> Roc:
    """The ROC of scores.

    Args:
        scores: (P,), high for one person.
        same: (P,) bool.
        weights: (P,) of 0 or more; None for 1 each.

    Raises:
        ParamsError: no genuine or no impostor pairs.
    """
    order = np.argsort(-scores, kind="stable")
    ordered, kind = scores[order], same[order]
    mass = np.ones(len(order)) if weights is None else weights[order].astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(ordered)), len(order) - 1)  # equal scores are accepted together
    rates = [np.append(0.0, np.cumsum(np.where(which, mass, 0))[last]) for which in (~kind, kind)]
    if not all(rate[-1] > 0 for rate in rates):
        raise ParamsError("verification needs pairs of one person and pairs of two; one kind is missing")
    far, tar = (rate / rate[-1] for rate in rates)
    return Roc(np.append(np.inf, ordered[last]).astype(np.float64), far, tar)


def accepted(scores: FloatArray, pairs: Pairs) -> BoolArray:
    """Which pairs are taken for one person, at the threshold that is best on the other folds, as on LFW.

    Of equally good thresholds one is taken; rounding decides which, the same on every machine.

    Args:
        scores: (P,), high for one person.
        pairs: (P) of two or more folds.

    Raises:
        ParamsError: fewer than two folds, or only one kind of pairs in the other folds.
    """
    if pairs.folds < 2:
        raise ParamsError("a threshold is chosen on other folds, and there is only one fold; give two or more")
    out = np.empty(len(scores), bool)
    for fold in range(pairs.folds):
        held = pairs.fold == fold
        others = roc(scores[~held], pairs.same[~held])
        out[held] = scores[held] >= others.threshold[np.argmax(others.tar - others.far)]
    return out


def accuracy(accepted: BoolArray, same: BoolArray, weights: FloatArray | None = None) -> float:
    """Share of right answers, genuine and impostor pairs counting one half each.

    Args:
        accepted: (P,) which pairs are taken for one person.
        same: (P,) which pairs are.
        weights: (P,) of 0 or more; None for 1 each.

    Raises:
        ParamsError: no genuine or no impostor pairs.
    """
    mass = np.ones(len(same)) if weights is None else weights
    if not (mass[same].any() and mass[~same].any()):
        raise ParamsError("an accuracy needs pairs of one person and pairs of two, in every fold; one kind is missing")
    right = accepted == same
    return float(np.mean([np.average(right[kind], weights=mass[kind]) for kind in (same, ~same)]))
