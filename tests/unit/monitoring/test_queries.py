"""The dashboard is drawn by the same rules as Prometheus has, for the few forms that it uses."""

import json
from pathlib import Path

import pytest

from panels.queries import NoSuchFormError, Scrape, parse, quantile, read

DASHBOARD = Path(__file__).parents[3] / "deploy/components/monitoring/dashboard.json"
TARGET = {"namespace": "a", "pod": "p"}
VARIABLES = {"namespace": "a"}
S = 'namespace=~"$namespace"'


def scrapes(*texts: str) -> list[Scrape]:
    return [read(10.0 * place, text, TARGET) for place, text in enumerate(texts)]


def test_every_expression_of_the_dashboard_can_be_drawn() -> None:
    targets = [
        target
        for panel in json.loads(DASHBOARD.read_text())["panels"]
        for target in panel.get("targets", ())
    ]
    assert len(targets) >= 15
    for target in targets:
        assert parse(target["expr"], VARIABLES).matchers[0] == ("namespace", "a")


def test_another_form_is_refused() -> None:
    with pytest.raises(NoSuchFormError):
        parse("up", VARIABLES)


def test_what_is_now_is_grouped_and_what_has_gone_leaves_a_gap() -> None:
    query = parse(f"max by (kind) (m{{{S}}})", VARIABLES)
    seen = scrapes('m{kind="x",pod="1"} 2\nm{kind="x",pod="2"} 3\nm{kind="y"} 1\n', 'm{kind="y"} 4')
    assert query.over(seen, 30.0) == {
        (("kind", "x"),): [3.0, None],
        (("kind", "y"),): [1.0, 4.0],
    }


def test_an_interval_sees_what_was_added_in_it() -> None:
    seen = scrapes('c{k="x"} 5', 'c{k="x"} 7', 'c{k="x"} 8\nc{k="y"} 2')
    grown = parse(f"sum by (k) (increase(c{{{S}}}[$__rate_interval]))", VARIABLES)
    assert grown.over(seen, 10.0) == {
        (("k", "x"),): [None, 2.0, 1.0],
        (("k", "y"),): [None, None, 2.0],
    }
    rate = parse(f"sum by (k) (rate(c{{{S}}}[$__rate_interval]))", VARIABLES)
    assert rate.over(seen, 20.0)[("k", "x"),] == [None, pytest.approx(0.2), pytest.approx(0.15)]


def test_a_quantile_is_taken_evenly_within_its_bucket() -> None:
    buckets = [(1.0, 50.0), (2.0, 90.0), (float("inf"), 100.0)]
    assert quantile(0.5, buckets) == 1.0
    assert quantile(0.7, buckets) == pytest.approx(1.5)
    assert quantile(0.99, buckets) == 2.0, "no more is known of what is above the highest bound"
    assert quantile(0.5, [(1.0, 0.0), (float("inf"), 0.0)]) is None
