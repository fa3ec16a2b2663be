"""What does not hold is said to, in the table, in the README and by the exit code."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scale import report
from scale.bounds import rows
from scale.results import FILE, Results
from scale.settings import RESULTS, SettingsError, read

MACHINE = {"cores": 2, "processor": "a processor", "memory_gib": 8.0, "python": "3.11.9"}
FLIGHT = {
    "actions": 1000,
    "migration_s": 60.0,
    "reads_per_action": 0.4,
    "reads_per_s": 3.0,
    "rows_per_s": 20.0,
    "lag_p50_s": 2.0,
    "lag_p99_s": 5.0,
    "kubernetes_writes_per_action": 4.0,
    "progress_writes_per_action": 6.0,
    "kopf_writes": 0,
    "event_loop_lag_p99_ms": 10.0,
    "memory_kb_per_object": 20.0,
}
RESTART = {
    "in_flight": 1000,
    "memory_mib": 120.0,
    "memory_mib_per_1000_finished": 0.1,
    "following_again_s": 5.0,
    "issuing_again_s": 32.0,
    "posts_for_finished": 0,
    "writes_to_finished": 0,
}
GOOD: dict[str, Any] = {
    "flight": {"100": FLIGHT, "1000": FLIGHT, "5000": FLIGHT},
    "latency": {"20": {"beyond_nova_ms": 60, "apply_to_accepted_ms": 130}},
    "burst": {
        "1000": {
            "ratio": 1.05,
            "wall_s": 13.0,
            "threads": 8,
            "cpu_ms_per_action": {"operator": 1, "kube_apiserver": 1, "etcd": 1, "cloud": 1},
            "peer_bare_loop": {"wall_s": 12.4, "cpu_ms_per_action": 10.0},
        }
    },
    "tenants": {"1000": FLIGHT | {"credentials": 100, "most_requests_per_s_and_credential": 1.0}},
    "foreign": {"10": FLIGHT, "1000": FLIGHT},
    "restart": {"10000": RESTART, "50000": RESTART},
}
BAD = (
    ("flight", "1000", "reads_per_action", 1.2),
    ("flight", "1000", "lag_p50_s", 3.1),
    ("flight", "1000", "lag_p99_s", 6.1),
    ("flight", "1000", "kubernetes_writes_per_action", 4.1),
    ("flight", "1000", "progress_writes_per_action", 7.5),
    ("flight", "1000", "kopf_writes", 1),
    ("flight", "5000", "reads_per_s", 7.0),
    ("flight", "5000", "event_loop_lag_p99_ms", 50.0),
    ("flight", "5000", "memory_kb_per_object", 30.0),
    ("latency", "20", "beyond_nova_ms", 151),
    ("burst", "1000", "ratio", 1.11),
    ("tenants", "1000", "lag_p99_s", 10.1),
    ("tenants", "1000", "most_requests_per_s_and_credential", 2.1),
    ("foreign", "1000", "rows_per_s", 1031.0),
    ("restart", "10000", "memory_mib", 150.5),
    ("restart", "50000", "memory_mib_per_1000_finished", 1.1),
    ("restart", "10000", "following_again_s", 10.5),
    ("restart", "10000", "issuing_again_s", 41.0),
    ("restart", "10000", "posts_for_finished", 1),
    ("restart", "10000", "writes_to_finished", 1),
)


def test_figures_within_their_bounds_hold() -> None:
    assert all(row.holds for row in rows(GOOD)), [row for row in rows(GOOD) if not row.holds]


@pytest.mark.parametrize(("part", "size", "figure", "value"), BAD)
def test_a_figure_beyond_its_bound_does_not_hold(
    part: str, size: str, figure: str, value: float
) -> None:
    parts = json.loads(json.dumps(GOOD))  # a deep copy keeps what is shared shared
    parts[part][size][figure] = value
    content = {"machine": MACHINE, "parts": parts}
    assert len(report.show(content, Console(quiet=True))) == 1
    assert "DOES NOT HOLD" in report.markdown(content)


def test_what_a_bound_says_of_a_thousand_is_not_asked_of_ten() -> None:
    few = {"flight": {"10": FLIGHT | {"reads_per_action": 9.0}}}
    assert next(iter(rows(few))).holds is None


def test_a_part_leaves_the_results_of_others_alone(tmp_path: Path) -> None:
    first = Results(tmp_path)
    first.machine(MACHINE)
    first.put("burst", "10", {"ratio": 1.0})
    second = Results(tmp_path)
    second.machine(MACHINE)
    second.put("flight", "10", {"reads_per_s": 1.0})
    assert Results(tmp_path).content["parts"] == {
        "burst": {"10": {"ratio": 1.0}},
        "flight": {"10": {"reads_per_s": 1.0}},
    }


def test_results_of_another_machine_are_not_mixed_in(tmp_path: Path) -> None:
    first = Results(tmp_path)
    first.machine(MACHINE | {"cores": 64})
    first.put("burst", "10", {"ratio": 1.0})
    second = Results(tmp_path)
    second.machine(MACHINE)
    assert second.content == {"machine": MACHINE}


def test_the_readme_says_what_was_measured_and_nothing_else() -> None:
    readme = report.README.read_text()
    measured = RESULTS / FILE
    if not measured.exists():
        assert report.BEGIN not in readme, "figures that nothing was measured for"
        return
    content = json.loads(measured.read_text())
    assert report.BEGIN in readme
    assert readme == report.written(readme, content), "run `python -m scale.report`"
    assert (RESULTS / report.PLOT).exists()


def test_the_table_goes_between_its_markers() -> None:
    readme = f"# A\n{report.BEGIN}\nof before\n{report.END}\nrest\n"
    once = report.written(readme, {"machine": MACHINE, "parts": GOOD})
    assert once.startswith("# A\n")
    assert once.endswith("\nrest\n")
    assert "of before" not in once
    assert once == report.written(once, {"machine": MACHINE, "parts": GOOD})


def test_settings_are_read_from_the_environment() -> None:
    found = read({"BENCH_PARTS": "burst, flight", "BENCH_SIZES": "10,1", "BENCH_SECONDS": "5"})
    assert found.parts == ("burst", "flight")
    assert found.sizes == (1, 10)
    assert found.seconds == 5.0
    assert not found.profile


@pytest.mark.parametrize("variables", [{"BENCH_PARTS": "brust"}, {"BENCH_SIZES": "1,-2"}])
def test_settings_that_mean_nothing_are_refused(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="BENCH_"):
        read(variables)
