"""The alerts by promtool itself: they are valid, and each fires where it has to and nowhere else.

Not in `make test`, which has no promtool: there the cases and the rules are only read.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

MONITORING = Path(__file__).parents[2] / "deploy" / "components" / "monitoring"
CASES = "rules.test.yaml"


@pytest.fixture(scope="module")
def promtool() -> str:
    given = os.environ.get("PROMTOOL") or "promtool"
    found = shutil.which(given)
    assert found, f"there is no program {given!r}: name a promtool in PROMTOOL"
    return found


@pytest.fixture
def rules() -> dict[str, Any]:
    """What Prometheus reads: the content of the PrometheusRule."""
    body: dict[str, Any] = yaml.safe_load((MONITORING / "rules.yaml").read_text())
    return dict(body["spec"])


def check(promtool: str, folder: Path, rules: dict[str, Any], *, of: str = "") -> tuple[int, str]:
    """Run the cases, or those of one alert, on rules; return promtool's exit code and words."""
    cases = yaml.safe_load((MONITORING / CASES).read_text())
    cases["tests"] = [
        case
        for case in cases["tests"]
        if any(of in expected["expr"] for expected in case["promql_expr_test"])
    ]
    (name,) = cases["rule_files"]
    (folder / name).write_text(yaml.safe_dump(rules))
    (folder / CASES).write_text(yaml.safe_dump(cases))
    done = subprocess.run(  # noqa: S603
        [promtool, "test", "rules", CASES], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_rules_are_valid(promtool: str, tmp_path: Path, rules: dict[str, Any]) -> None:
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(rules))
    done = subprocess.run(  # noqa: S603
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules['groups'][0]['rules'])} rules found" in done.stdout


def test_every_alert_fires_where_it_has_to_and_nowhere_else(
    promtool: str, tmp_path: Path, rules: dict[str, Any]
) -> None:
    code, said = check(promtool, tmp_path, rules)
    assert code == 0, said


def test_every_threshold_is_held_by_a_case(
    promtool: str, tmp_path: Path, rules: dict[str, Any]
) -> None:
    """An alert that never fires, and one that always does, are both found out."""
    for place, rule in enumerate(rules["groups"][0]["rules"]):
        for expression in ("vector(0) > 1", rule["expr"] + " or vector(1)"):
            changed = yaml.safe_load(yaml.safe_dump(rules))
            changed["groups"][0]["rules"][place]["expr"] = expression
            code, said = check(promtool, tmp_path, changed, of=rule["alert"])
            assert code != 0, f"{rule['alert']} with {expression}"
            assert rule["alert"] in said
