"""Numbers of an inference attack, each with how it was obtained, its interval, and whether it tells of leakage."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from engine.events import Fact
from engine.inference import ranking
from engine.inference.intervals import (
    ONE_SIDED,
    chance_above,
    chance_of_area,
    chance_of_difference,
    chance_of_oracle,
    difference_interval,
    oracle_by_luck,
    wilson_interval,
)
from engine.inference.outcome import Outcome
from engine.inference.ranking import Ranking
from engine.inference.resampling import LOW_RATES


@dataclass(frozen=True)
class Tested(Fact):
    """A fact beside the chance that luck alone reaches as much, before flags are corrected for many classes."""

    chance: float | None
    """One-sided; None where there is no guess to be told apart from."""

    def told(self, leaks: bool | None) -> Fact:
        """The fact with the flag it is told with."""
        return Fact(**{each.name: getattr(self, each.name) for each in fields(Fact)} | {"leaks": leaks})


@dataclass(frozen=True)
class Repeated:
    """What a rule fitted on one part did to the rest, over several seeded splits."""

    true_positives: np.ndarray
    """(splits,)."""
    false_positives: np.ndarray
    """(splits,)."""
    fitted: tuple[int, int]
    """Members and non-members that it was fitted on in each split."""
    whole: tuple[int, int]
    """Members and non-members there are."""

    def __add__(self, other: "Repeated") -> "Repeated":
        return Repeated(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            (self.fitted[0] + other.fitted[0], self.fitted[1] + other.fitted[1]),
            (self.whole[0] + other.whole[0], self.whole[1] + other.whole[1]),
        )

    @property
    def rest(self) -> tuple[int, int]:
        """Members and non-members that each split is reported on."""
        return self.whole[0] - self.fitted[0], self.whole[1] - self.fitted[1]

    @property
    def accuracies(self) -> np.ndarray:
        """(splits,): balanced inference accuracy (Eq 15) of each split."""
        members, nonmembers = self.rest
        return 0.5 * (self.true_positives / members + 1.0 - self.false_positives / nonmembers)

    @property
    def mean(self) -> Outcome:
        """The mean rates, with as many examples as were reported on in some split.

        Over 20 splits these are nearly all, and Newcombe's interval of such a mean covers as it should: 93 to 99 % of
        simulated repeats at 50 to 1900 members, with and without leakage.
        """
        splits = len(self.true_positives)
        seen = [n * (1 - (k / n) ** splits) for n, k in zip(self.whole, self.fitted, strict=True)]
        rates = (
            float(counts.mean()) / n
            for counts, n in zip((self.true_positives, self.false_positives), self.rest, strict=True)
        )
        return Outcome(*(rate * n for rate, n in zip(rates, seen, strict=True)), *seen)


@dataclass(frozen=True)
class About:
    """Whose numbers they are."""

    attack: str
    view: str
    class_label: int | None

    def fact(
        self,
        rule: str,
        metric: str,
        value: float,
        interval: Sequence[float] | None,
        leaks: bool | None,
        examples: tuple[int, int],
        chance: float | None = None,
    ) -> Tested:
        """One number."""
        low, high = (None, None) if interval is None else (float(end) for end in interval)
        about = self.attack, self.view, self.class_label, rule, metric
        return Tested(*about, float(value), low, high, leaks, *examples, chance)

    def outcome(
        self, rule: str, outcome: Outcome, interval: tuple[float, float], examples: tuple[int, int], chance: float
    ) -> Iterator[Tested]:
        """What a rule did, with the interval of its advantage."""
        low, high = interval
        shares = (
            ("inference_accuracy", outcome.accuracy, (0.5 + low / 2, 0.5 + high / 2), 0.5),
            ("advantage", outcome.tpr - outcome.fpr, interval, 0.0),
            ("tpr", outcome.tpr, wilson_interval(outcome.true_positives, outcome.n_member), None),
            ("fpr", outcome.fpr, wilson_interval(outcome.false_positives, outcome.n_nonmember), None),
        )
        for metric, value, own, guess in shares:
            told = (None, examples) if guess is None else (own[0] > guess, examples, chance)
            yield self.fact(rule, metric, value, own, *told)

    def fixed(self, outcome: Outcome) -> Iterator[Tested]:
        """A rule that chooses nothing, so that no example flatters it."""
        examples, chance = (outcome.n_member, outcome.n_nonmember), chance_of_difference(outcome)
        yield from self.outcome("none", outcome, difference_interval(outcome), examples, chance)

    def oracle(self, outcome: Outcome, luck: np.ndarray, threshold: float | None) -> Iterator[Tested]:
        """A threshold chosen on the very examples it is reported on, beside what luck alone reaches.

        luck: oracle accuracies (permutations,) with membership drawn by lot. The interval begins as far below the
        number as the 97.5 % point of luck lies above one half, so without leakage it holds one half 97.5 times of
        100; it ends where Newcombe's does.
        """
        examples = (int(outcome.n_member), int(outcome.n_nonmember))
        _, high = difference_interval(outcome)
        flattery = 2 * (float(np.quantile(luck, 0.975)) - 0.5)
        low = max(-1.0, outcome.tpr - outcome.fpr - flattery)
        chance = chance_of_oracle(outcome.tpr - outcome.fpr, flattery)
        yield from self.outcome("oracle", outcome, (low, high), examples, chance)
        yield self.fact("oracle", "null_mean", luck.mean(), None, None, examples)
        yield self.fact("oracle", "null_p95", np.quantile(luck, 0.95), None, None, examples)
        if threshold is not None:
            yield self.fact("oracle", "threshold", threshold, None, None, examples)
            mean, p95 = oracle_by_luck(*examples)
            yield self.fact("oracle", "null_mean_smirnov", mean, None, None, examples)
            yield self.fact("oracle", "null_p95_smirnov", p95, None, None, examples)

    def held_out(self, found: Repeated) -> Iterator[Tested]:
        """A rule fitted on other examples than it is reported on; means over seeded splits, and their spread."""
        mean = found.mean
        yield from self.outcome("heldout", mean, difference_interval(mean), found.rest, chance_of_difference(mean))
        if len(found.accuracies) > 1:
            spread = found.accuracies.std(ddof=1)
            yield self.fact("heldout", "inference_accuracy_std", spread, None, None, found.rest)

    def curve(
        self,
        ranked: Ranking,
        resampled: Sequence[np.ndarray],
        rule: str = "none",
        rates: Sequence[float] = LOW_RATES,
    ) -> Iterator[Tested]:
        """AUC and the TPR at low FPR with the intervals of `resampling.bootstrap`, and the FPR that one really has.

        The TPR is the best with at most so many false positives, whose number must be whole: none of 514 is allowed at
        0.1 %. Its interval is of the TPR at just this FPR of the population. It tells of leakage where luck seldom puts
        so many members above so few others, whatever FPR that is in the population.
        """
        positives, examples = ranked.positives(), (ranked.n_member, ranked.n_nonmember)
        area = float(ranking.auc(*positives))
        yield self.area(area, resampled[0], examples, rule, chance_of_area(area, ranked))
        for rate, values in zip(rates, resampled[1:], strict=True):
            most = ranking.allowed(rate, ranked.n_nonmember)
            true, false = (int(count) for count in ranking.within(*positives, most))
            reached, (low, high) = true / ranked.n_member, percentile_interval(values)
            interval, chance = (min(low, reached), max(high, reached)), chance_above(true, *examples, most)
            yield self.fact(rule, f"tpr_at_fpr_{rate:g}", reached, interval, chance <= ONE_SIDED, examples, chance)
            yield self.fact(rule, f"fpr_used_{rate:g}", false / ranked.n_nonmember, None, None, examples)

    def area(
        self,
        value: float,
        resampled: np.ndarray,
        examples: tuple[int, int],
        rule: str = "none",
        chance: float | None = None,
    ) -> Tested:
        """An AUC with its interval over the bootstrap."""
        interval = percentile_interval(resampled)
        return self.fact(rule, "auc", value, interval, interval[0] > 0.5, examples, chance)


def percentile_interval(values: np.ndarray) -> tuple[float, float]:
    """Of bootstrap replicates (resamples,)."""
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)
