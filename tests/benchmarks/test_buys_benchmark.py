"""The benchmark of test buys: its markets are what the world says, and its figures are those of the rounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from paths import BENCHMARKS

from benchmarks.common.tables import render

pytest.importorskip("pyarrow")
pytest.importorskip("svy")
pytest.importorskip("sklearn")

from benchmarks.simulated.buys import LABELS, Market, buy_figures, buy_round, buys, market_label_figures

WORLD: dict[str, Any] = json.loads((BENCHMARKS / "simulated" / "world_files" / "buys.json").read_text("utf-8"))
SMALL = {**WORLD, "name": "small", "listings": 3000, "brands": 4, "budget": 150, "least_buys_a_brand": 10}
FIGURES = ("rmse_ratio_good", "rmse_ratio_weak", "rmse_ratio_useless", "bias_share", "coverage", "coverage_brand")


def test_a_market_is_as_its_world_states() -> None:
    rng = np.random.default_rng(0)
    market = Market(WORLD, rng)
    assert market.fake.mean() == pytest.approx(0.03, abs=0.005)
    sizes = np.bincount(market.brand)
    assert len(sizes) == 30
    assert sizes[0] / sizes[1] == pytest.approx(2**0.8, rel=0.1)
    assert all(len(set(market.brand[market.seller == seller])) == 1 for seller in market.seller[:50])
    from sklearn.metrics import roc_auc_score

    for area in (0.93, 0.5):
        p = market.score(area, 0.03, rng)
        assert roc_auc_score(market.fake, p + 1e-12 * rng.random(len(p))) == pytest.approx(area, abs=0.03)
        assert p.mean() == pytest.approx(0.03, abs=0.006)


def test_figures_are_those_of_the_rounds() -> None:
    rounds = [buy_round(SMALL, seed) for seed in range(3)]
    figures = buy_figures(rounds)
    assert set(FIGURES) <= figures.keys()
    good = [one["good"] for one in rounds]
    rmse, at_random = (np.sqrt(np.mean([one[key] ** 2 for one in good])) for key in ("error", "random_error"))
    assert figures["rmse_ratio_good"] == pytest.approx(rmse / at_random, abs=1e-6)
    assert figures["top_bias_good"] > 0.1, "the highest scores are no sample"
    assert abs(figures["bias_share"]) == max(abs(figures[f"bias_share_{n}"]) for n in ("good", "weak", "useless"))
    assert buy_round(SMALL, 1) == rounds[1]


def test_labels_of_a_market_are_judged_on_all_of_it() -> None:
    found = market_label_figures({**SMALL, "listings": 4 * LABELS}, 0)
    assert found["buys"].keys() == {"log_loss", "calibration_error", "auc"}
    assert found["buys"]["auc"] == pytest.approx(found["prior"]["auc"], abs=0.01), "one signal keeps its order"


def test_the_command_writes_its_figures_and_the_readme_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.simulated.buys.SEEDS", 1)
    (tmp_path / "small.json").write_text(json.dumps(SMALL))
    arguments = ["--world", str(tmp_path / "small.json"), "--rounds", "2", "--json", str(tmp_path / "out.json")]
    run = CliRunner().invoke(buys, arguments)
    assert run.exit_code == 0, run.output
    result = json.loads((tmp_path / "out.json").read_text())
    assert set(FIGURES) <= result["worlds"]["small"].keys()
    table = render(result)
    assert "| small: score | RMSE | bias |" in table
    assert "| labels, small: fitted to |" in table
    refused = CliRunner().invoke(buys, ["--stream", str(tmp_path / "small.json"), "--json", "o.json"])
    assert refused.exit_code == 2
    assert "--stream: expected --prices" in refused.output
