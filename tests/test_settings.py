"""The toggle: off by default, asked at use, restored by its context manager."""

from __future__ import annotations

import os
import threading
import warnings

import datasets
import pytest

from interpretune.analysis.cache import (
    analysisstore_caching,
    configure,
    enable_analysisstore_caching,
    is_analysisstore_caching_enabled,
)
from interpretune.analysis.cache import settings as settings_module


@pytest.fixture(autouse=True)
def _untouched(monkeypatch):
    """Give each test the state of a new process, whatever ran before."""
    monkeypatch.delenv("IT_ANALYSISSTORE_CACHING", raising=False)
    monkeypatch.setattr(settings_module, "_state", settings_module._State())
    was_enabled = datasets.is_caching_enabled()
    datasets.enable_caching()
    yield
    (datasets.enable_caching if was_enabled else datasets.disable_caching)()


def test_off_by_default():
    assert not is_analysisstore_caching_enabled()
    assert not settings_module.is_persistent()


@pytest.mark.parametrize(("text", "expected"), [("1", True), ("true", True), ("0", False), ("", False), ("no", False)])
def test_the_environment_switches_on(monkeypatch, text, expected):
    monkeypatch.setenv("IT_ANALYSISSTORE_CACHING", text)
    assert is_analysisstore_caching_enabled() is expected


def test_a_call_overrides_the_environment(monkeypatch):
    monkeypatch.setenv("IT_ANALYSISSTORE_CACHING", "1")
    enable_analysisstore_caching(False)
    assert not is_analysisstore_caching_enabled()


def test_enabling_without_hugging_face_caching_warns_and_takes_effect_later():
    datasets.disable_caching()
    with pytest.warns(UserWarning, match=r"datasets\.enable_caching\(\)"):
        enable_analysisstore_caching(True)
    assert is_analysisstore_caching_enabled()
    assert not settings_module.is_persistent()
    datasets.enable_caching()
    assert settings_module.is_persistent()


def test_the_context_manager_restores_toggle_and_settings(tmp_path):
    configure(verify="full")
    with analysisstore_caching(base=tmp_path, shard_bytes=1):
        assert is_analysisstore_caching_enabled()
        assert settings_module.current().base == tmp_path
        assert settings_module.current().verify == "full"
        with analysisstore_caching(False):
            assert not is_analysisstore_caching_enabled()
        assert is_analysisstore_caching_enabled()
    assert not is_analysisstore_caching_enabled()
    assert settings_module.current().base is None
    assert settings_module.current().shard_bytes == 64 * 2**20


def test_the_context_manager_restores_after_an_error():
    with pytest.raises(KeyError), analysisstore_caching():
        raise KeyError
    assert not is_analysisstore_caching_enabled()


def test_a_warning_made_an_error_leaves_the_toggle_as_it_was():
    datasets.disable_caching()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning), analysisstore_caching():
            pass
    assert not is_analysisstore_caching_enabled()


def test_a_warning_made_an_error_enables_nothing(tmp_path):
    configure(base=tmp_path)
    heard = []
    settings_module.on_toggle(heard.append)
    datasets.disable_caching()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="dataset caching is disabled"):
            enable_analysisstore_caching(base=tmp_path / "other", ignore=("a",))
    settings_module._callbacks.remove(heard.append)
    assert heard == [False]
    assert not is_analysisstore_caching_enabled()
    assert settings_module.current() == settings_module.Settings(base=tmp_path)


def test_unknown_and_impossible_settings_are_refused():
    with pytest.raises(TypeError, match="no such setting: colour"):
        configure(colour="red")
    with pytest.raises(ValueError, match="verify is 'maybe'; it must be 'size' or 'full'"):
        configure(verify="maybe")
    with pytest.raises(ValueError, match="runtime is 'loose'"):
        enable_analysisstore_caching(runtime="loose")
    assert not is_analysisstore_caching_enabled()


def test_enabling_takes_what_counts_and_leaves_the_rest_as_it_is():
    enable_analysisstore_caching(ignore=("module.it_cfg.tracker",), device="portable")
    enable_analysisstore_caching(include="module.it_cfg.core_log_dir", trust_versions=True)
    found = settings_module.current()
    assert found.ignore == ("module.it_cfg.tracker",)
    assert found.include == ("module.it_cfg.core_log_dir",)
    assert (found.device, found.runtime, found.trust_versions) == ("portable", "strict", True)


def test_the_environment_gives_settings_unless_they_are_configured(monkeypatch, tmp_path):
    monkeypatch.setenv("IT_ANALYSIS_CACHE_VERIFY", "full")
    monkeypatch.setenv("IT_ANALYSIS_CACHE_READONLY", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    assert settings_module.current().verify == "full"
    assert settings_module.current().readonly_bases == (tmp_path / "a", tmp_path / "b")
    monkeypatch.setenv("IT_ANALYSIS_CACHE_IGNORE", os.pathsep.join(["module.it_cfg.tracker", "cfg.run_inputs['id']"]))
    monkeypatch.setenv("IT_ANALYSIS_CACHE_RUNTIME", "exact")
    assert settings_module.current().ignore == ("module.it_cfg.tracker", "cfg.run_inputs['id']")
    assert settings_module.current().runtime == "exact"
    configure(verify="size", readonly_bases=(), ignore=())
    assert settings_module.current().verify == "size"
    assert settings_module.current().ignore == ()
    assert settings_module.current().readonly_bases == ()


def test_callbacks_hear_of_each_change(monkeypatch):
    heard: list[bool] = []
    monkeypatch.setattr(settings_module, "_callbacks", [])
    settings_module.on_toggle(heard.append)
    enable_analysisstore_caching(True)
    enable_analysisstore_caching(False)
    assert heard == [False, True, False]


def test_many_threads_may_toggle():
    errors: list[BaseException] = []
    start = threading.Barrier(8)

    def work(number: int) -> None:
        try:
            start.wait()
            for _ in range(200):
                configure(shard_bytes=number + 1)
                enable_analysisstore_caching(number % 2 == 0)
                assert 1 <= settings_module.current().shard_bytes <= 8
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


@pytest.mark.parametrize("name", ["VERIFY", "RUNTIME", "DEVICE"])
def test_a_variable_with_a_value_that_there_is_not_is_named(monkeypatch, name):
    monkeypatch.setenv(f"IT_ANALYSIS_CACHE_{name}", "roughly")
    with pytest.raises(ValueError, match=f"IT_ANALYSIS_CACHE_{name} is 'roughly'; it must be '"):
        settings_module.current()
