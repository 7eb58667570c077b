"""Labels of a queue and a stream without labels: bands, the holdout, and no counterfeit that is cleared silently."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import make_report, quick

from logoscan.errors import InputError
from logoscan.results import BrandResult, Report, Score, Signal
from logoscan.scoring.fit_bands import with_bands
from logoscan.scoring.fit_to_stream import StreamFit, fit_to_stream
from logoscan.scoring.model import ScoreModel

pytest.importorskip("scipy")
PRIOR_MODEL = ScoreModel()
NAMES = ("low_price", "coded_terms", "lookalike_text", "copied_photo", "seller_not_authorised")


def score(rng: np.random.Generator, suspicion: float) -> Score:
    """A score whose signals are the stronger, the higher the suspicion is."""
    values = np.clip(rng.random(len(NAMES)) * suspicion, 0.0, 1.0)
    return PRIOR_MODEL.score("Acme", [Signal(name, float(v), "why") for name, v in zip(NAMES, values, strict=True)])


def listing(name: str, one: Score) -> Report:
    return make_report(listing_id=name, score=one, brands=(BrandResult("Acme", 0.9, one.value or 0.0),))


@cache
def stream() -> tuple[Report, ...]:
    """A thousand listings, of which some 5 % go to review or are blocked."""
    rng = np.random.default_rng(0)
    suspicion = np.where(rng.random(1000) < 0.06, 1.4, 0.12)
    return tuple(listing(f"S{i}", score(rng, s)) for i, s in enumerate(suspicion))


def queue(counterfeit: int, genuine: int, seed: int) -> tuple[list[Report], list[bool]]:
    """Judged listings, all of them in review or blocked."""
    rng = np.random.default_rng(seed)
    out: list[Report] = []
    while len(out) < counterfeit + genuine:
        one = score(rng, 1.4)
        if one.band != "clear":
            out.append(listing(f"Q{len(out)}", one))
    return out, [i < counterfeit for i in range(len(out))]


def told(log: pytest.LogCaptureFixture, what: str = "would clear") -> list[str]:
    return [r.getMessage() for r in log.records if what in r.getMessage()]


def cleared(fit: StreamFit, labels: list[bool]) -> int:
    return sum(label and band == "clear" for label, band in zip(labels, fit.then, strict=True))


# -- the review share is one of the stream


def test_bands_keep_the_share_of_the_stream_whatever_the_labels() -> None:
    reports, labels = queue(21, 14, 0)
    for share in (0.01, 0.1):
        fit = fit_to_stream(reports, labels, stream(), review_share=share)
        looked_at = fit.stream_then["review"] + fit.stream_then["block"]
        assert looked_at <= share * len(stream())
        assert looked_at > 0.7 * share * len(stream())
        assert sum(fit.stream_then.values()) == sum(fit.stream_now.values()) == len(stream())
        assert fit.model.name == "fitted"


def test_without_a_share_people_look_at_as_many_as_now() -> None:
    reports, labels = queue(21, 14, 0)
    fit = fit_to_stream(reports, labels, stream())
    now = fit.stream_now["review"] + fit.stream_now["block"]
    assert fit.review_share == pytest.approx(now / 1000, abs=0.02)
    assert fit.stream_then["review"] + fit.stream_then["block"] <= fit.review_share * 1000


def test_with_bands_counts_the_stream() -> None:
    """A share of the labels would be one of the queue, in which all are reviewed."""
    reports, labels = queue(21, 14, 0)
    with pytest.raises(InputError, match="review_share: expected the `stream`, labels that are drawn like it, or"):
        PRIOR_MODEL.with_bands(reports, labels, review_share=0.05)
    model = PRIOR_MODEL.with_bands(reports, labels, review_share=0.05, stream=stream())
    bands = Counter(model.band(r.score.value or 0.0, r.score.contributions) for r in stream())
    assert 950 <= bands["clear"] < 970
    alone = with_bands(PRIOR_MODEL, reports, labels, review_share=0.05, weights=[1.0] * 35, stream=stream())
    assert alone == model, "weights are those of the labels, not of the stream"
    with pytest.raises(InputError, match="stream: expected at least one report, got none"):
        PRIOR_MODEL.with_bands(reports, labels, review_share=0.05, stream=[])


# -- no counterfeit is cleared in silence


def test_35_verdicts_of_a_queue_clear_no_counterfeit_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    """21 confirmed counterfeits and 14 genuine ones, and people who can look at 1 % of the stream."""
    reports, labels = queue(21, 14, 0)
    fit = fit_to_stream(reports, labels, stream(), review_share=0.01)
    gone = cleared(fit, labels)
    assert gone
    (line,) = told(caplog)
    assert line.startswith(
        f"fit: would clear {gone} of 21 listings labelled counterfeit, which are reviewed or blocked"
    )
    share = re.search(r"; a review share of (0\.\d{4}) or more keeps them in review$", line)
    assert share
    (richer,) = told(caplog, "richer in counterfeits")
    assert richer.startswith("fit: 60.0 % of the labels are counterfeit, and ")
    assert "judge listings that are drawn from all of it" in richer
    caplog.clear()
    kept = fit_to_stream(reports, labels, stream(), review_share=float(share[1]))
    assert (cleared(kept, labels), told(caplog)) == (0, [])


@settings(quick, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    bad=st.integers(1, 25),
    good=st.integers(1, 25),
    share=st.floats(0.002, 0.5),
    weighted=st.booleans(),
)
def test_the_log_counts_all_that_would_be_cleared(
    seed: int, bad: int, good: int, share: float, weighted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    reports, labels = queue(bad, good, seed)
    weights = np.random.default_rng(seed).uniform(1, 200, bad + good).tolist() if weighted else None
    caplog.clear()
    fit = fit_to_stream(reports, labels, stream()[:120], review_share=share, weights=weights)
    gone = cleared(fit, labels)
    assert [line.split(" listing")[0] for line in told(caplog)] == (
        [f"fit: would clear {gone} of {bad}"] if gone else []
    )


def test_counterfeits_that_are_clear_now_are_counted_too(caplog: pytest.LogCaptureFixture) -> None:
    reports, labels = queue(21, 14, 0)
    quiet = [listing(f"C{i}", score(np.random.default_rng(0), 0.01)) for i in range(3)]
    fit = fit_to_stream([*reports, *quiet], [*labels, True, True, True], stream(), review_share=0.02)
    stay = sum(band == "clear" for band in fit.then[-3:])
    assert stay
    (line,) = told(caplog, "before and after")
    assert line.startswith(f"fit: {stay} of 24 listings labelled counterfeit are clear, before and after; a larger")


def test_labels_like_the_stream_are_not_called_richer(caplog: pytest.LogCaptureFixture) -> None:
    reports, labels = list(stream()[:400]), [r.score.band != "clear" for r in stream()[:400]]
    fit_to_stream(reports, [label and i % 2 == 0 for i, label in enumerate(labels)], stream())
    assert told(caplog, "richer") == []
    caplog.clear()
    few, kinds = queue(21, 14, 0)
    fit_to_stream(few, kinds, stream(), weights=[0.02] * 21 + [3.0] * 14)
    assert told(caplog, "richer") == [], "by their weights, they are as the stream"


@pytest.mark.parametrize(("bad", "good"), [(21, 0), (0, 14)])
def test_labels_of_one_kind(bad: int, good: int, caplog: pytest.LogCaptureFixture) -> None:
    reports, labels = queue(bad, good, 0)
    with pytest.raises(InputError, match=f"labels: expected counterfeits and genuine ones.* got {bad} counterfeit and"):
        fit_to_stream(reports, labels, stream())
    PRIOR_MODEL.with_bands(reports, labels, review_share=0.05, stream=stream())
    kind, other = ("counterfeit", "genuine") if bad else ("genuine", "counterfeit")
    (line,) = told(caplog, "with_bands: all")
    assert line.startswith(f"with_bands: all {bad + good} labels are {kind}: what the bands do to {other} listings is")


def test_a_fit_sends_no_more_to_review_for_its_coverage() -> None:
    """Three counterfeits without any signal take the weight from what is usually judged."""
    reports, labels = queue(21, 14, 0)
    quiet = [listing(f"C{i}", PRIOR_MODEL.score("Acme", [])) for i in range(3)]
    model = fit_to_stream([*reports, *quiet], [*labels, True, True, True], stream(), review_share=0.3).model
    assert model.min_coverage < PRIOR_MODEL.min_coverage
    signals = [[Signal(c.signal, c.value, "why") for c in r.score.contributions] for r in stream()]
    unjudged = [
        sum(one.unjudged(one.score("Acme", each).coverage, 0.9) for each in signals) for one in (PRIOR_MODEL, model)
    ]
    assert unjudged == [0, 0]


# -- the holdout


def test_held_out_bands_are_those_of_models_without_the_label() -> None:
    """A label that no other resembles: the model that learnt it reviews it, the others do not."""
    reports, labels = queue(20, 20, 1)
    odd = listing("odd", PRIOR_MODEL.score("Acme", [Signal("contradicts_facts", 1.0, "why")]))
    fit = fit_to_stream([odd, *reports], [True, *labels], stream(), review_share=0.05)
    assert fit.held_out is not None
    assert len(fit.held_out) == len(fit.then) == len(fit.now) == 41
    whole = fit_to_stream(reports, labels, stream(), review_share=0.05)
    assert whole.held_out is not None
    assert Counter(whole.held_out) != {}
    again = fit_to_stream([odd, *reports], [True, *labels], stream(), review_share=0.05)
    assert (again.model, again.held_out) == (fit.model, fit.held_out), "the same labels, the same answer"


def test_one_label_of_a_kind_cannot_be_left_out() -> None:
    reports, labels = queue(1, 14, 0)
    assert fit_to_stream(reports, labels, stream()).held_out is None
    reports, labels = queue(2, 14, 0)
    assert fit_to_stream(reports, labels, stream()).held_out is not None


def test_a_precision_is_reached_on_the_labels() -> None:
    reports, labels = queue(25, 15, 3)
    fit = fit_to_stream(reports, labels, stream(), review_share=0.3, block_precision=0.7)
    blocked = [label for label, band in zip(labels, fit.then, strict=True) if band == "block"]
    assert blocked
    assert np.mean(blocked) >= 0.7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stream": ()}, "stream: expected the reports of all listings, got none"),
        ({"stream": "queue"}, "review_share: expected one to be stated, since 100% of the 35 reports are reviewed"),
        ({"stream": "quiet"}, "review_share: expected one to be stated, since 0% of the 2 reports are reviewed"),
        ({"review_share": 1.5}, "review_share: expected a share in (0, 1), got 1.5"),
        ({"block_precision": 0.0}, "block_precision: expected a share in (0, 1], got 0.0"),
        ({"weights": [1.0]}, "weights: expected one for each of 35 reports, got 1"),
    ],
)
def test_what_cannot_be_fitted_is_refused(changes: dict[str, Any], message: str) -> None:
    reports, labels = queue(21, 14, 0)
    streams = {"queue": reports, "quiet": [listing("quiet", PRIOR_MODEL.score("Acme", []))] * 2}
    of = changes.get("stream", stream())
    with pytest.raises(InputError, match=re.escape(message)):
        fit_to_stream(
            reports, labels, streams[of] if isinstance(of, str) else of,
            **{name: value for name, value in changes.items() if name != "stream"},
        )  # fmt: skip
