"""The finder by itself; `test_install` has it in real environments."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

import interpretune_analysis_cache
from interpretune_analysis_cache.finder import DoorstepFinder, install

SOURCE = Path(interpretune_analysis_cache.__file__).parent.parent


@pytest.fixture(autouse=True)
def _meta_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work on a copy of the finders, without ours where an installation has put it there."""
    finders = [finder for finder in sys.meta_path if type(finder).__name__ != DoorstepFinder.__name__]
    monkeypatch.setattr(sys, "meta_path", finders)


def test_it_answers_for_our_subpackage() -> None:
    spec = DoorstepFinder.find_spec("interpretune.analysis.cache", ["/elsewhere"])
    package = SOURCE / "interpretune" / "analysis" / "cache"
    assert spec is not None
    assert (spec.origin, spec.submodule_search_locations) == (str(package / "__init__.py"), [str(package)])


@pytest.mark.parametrize(
    "name",
    ["interpretune.analysis", "interpretune.analysis.cache.store", "cache", "interpretune_analysis_cache", "json"],
)
def test_it_leaves_every_other_name_alone(name: str) -> None:
    assert DoorstepFinder.find_spec(name) is None


def test_it_comes_first_and_once() -> None:
    install()
    install()
    assert [type(finder) for finder in sys.meta_path].count(DoorstepFinder) == 1
    assert type(sys.meta_path[0]) is DoorstepFinder


class Answering:
    """A finder that has a package `interpretune`, regular or a namespace."""

    def __init__(self, loader: object) -> None:
        self.spec = ModuleSpec("interpretune", loader, is_package=True)

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return self.spec if fullname == "interpretune" else None


def test_a_regular_host_wins_over_a_namespace_that_is_found_first() -> None:
    namespace, host = Answering(None), Answering(object())
    sys.meta_path[:] = [namespace, host]
    install()
    assert DoorstepFinder.find_spec("interpretune") is host.spec

    sys.meta_path.remove(host)
    assert DoorstepFinder.find_spec("interpretune") is None


def test_finders_of_the_old_kind_are_passed_over() -> None:
    sys.meta_path[:] = [object()]
    install()
    assert DoorstepFinder.find_spec("interpretune") is None
