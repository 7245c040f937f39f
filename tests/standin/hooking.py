"""What the hook does to the host and to `datasets`, questions by name; prints the answer to each as a line of JSON.

python hooking.py WORKDIR QUESTION...
"""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from pathlib import Path

from interpretune_analysis_cache import finder

RUNNERS = "interpretune.runners.analysis"


def enable() -> None:
    from interpretune.analysis.cache import enable_analysisstore_caching

    enable_analysisstore_caching(True)


def disable() -> None:
    from interpretune.analysis.cache import enable_analysisstore_caching

    enable_analysisstore_caching(False)


def watchers() -> int:
    return sum(type(entry).__name__ == "_Watcher" for entry in sys.meta_path)


def after_the_host(workdir: Path) -> dict:
    from datasets import Dataset

    import interpretune  # noqa: F401

    runners = sys.modules[RUNNERS]
    function, method = runners.generate_analysis_dataset, vars(Dataset)["from_generator"]
    enable()
    during = runners.generate_analysis_dataset is not function, vars(Dataset)["from_generator"] is not method
    enable()
    disable()
    after = runners.generate_analysis_dataset is function, vars(Dataset)["from_generator"] is method
    return {"during": during, "after": after, "watchers": watchers()}


def before_the_host(workdir: Path) -> dict:
    # The environment has switched caching on before anything of the host was imported.
    import interpretune

    runners = sys.modules[RUNNERS]
    ours = runners.generate_analysis_dataset
    hooked = hasattr(ours, "__wrapped__") and ours.__wrapped__.__module__ == RUNNERS
    loader = type(runners.__loader__).__name__, type(runners.__spec__.loader).__name__
    disable()
    return {
        "hooked": hooked,
        "loader": loader,
        "restored": runners.generate_analysis_dataset is ours.__wrapped__,
        "watchers": watchers(),
        "runner": interpretune.AnalysisRunner.__name__,
    }


def in_a_host_that_moved_it(workdir: Path, *, said: str = "always") -> dict:
    import interpretune  # noqa: F401

    runners = sys.modules[RUNNERS]
    runners.generate_dataset = runners.generate_analysis_dataset
    del runners.generate_analysis_dataset
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(said, UserWarning)
        enable()
        disable()
    return {"warnings": [str(warning.message) for warning in caught], "names": "generate_dataset" in vars(runners)}


def in_a_host_that_moved_it_where_warnings_are_errors(workdir: Path) -> dict:
    return in_a_host_that_moved_it(workdir, said="error")


def under_somebody_elses_patch(workdir: Path) -> dict:
    import interpretune  # noqa: F401

    runners = sys.modules[RUNNERS]
    original = runners.generate_analysis_dataset
    enable()
    ours = runners.generate_analysis_dataset

    def theirs(*args, **kwargs):
        return ours(*args, **kwargs)

    runners.generate_analysis_dataset = theirs
    disable()
    return {"stays": runners.generate_analysis_dataset is theirs, "wrapped": ours.__wrapped__ is original}


def by_itself(workdir: Path) -> dict:
    """The host asks the cache by a decorator, as `docs/upstreaming.md` says."""
    import interpretune  # noqa: F401
    from interpretune.analysis.cache.host import answered_by_cache

    runners = sys.modules[RUNNERS]
    decorated = runners.generate_analysis_dataset = answered_by_cache(runners.generate_analysis_dataset)
    enable()
    during = runners.generate_analysis_dataset is decorated
    disable()
    return {"during": during, "after": runners.generate_analysis_dataset is decorated}


class Sums:
    """A generator that holds a session as an attribute."""

    def __init__(self, session):
        self.session = session

    def __call__(self):
        import torch

        for batch in self.session.datamodule.test_dataloader():
            with torch.no_grad():
                yield {"sums": self.session.module.model(batch["input_ids"]).sum()}


def direct(workdir: Path, *, change: bool = False) -> dict:
    import datasets
    import torch
    from scenario import build, own_hook  # noqa: F401

    session = build({"weight": change}, workdir)
    session.module.setup(session.datamodule)
    session.datamodule.setup()
    features = datasets.Features({"sums": datasets.Value("float32")})
    ran = []

    def generator():
        ran.append(1)
        for batch in session.datamodule.test_dataloader():
            with torch.no_grad():
                yield {"sums": session.module.model(batch["input_ids"]).sum()}

    def unrelated():
        yield {"sums": 1.0}

    cache_dir = str(workdir / "hf")
    plain = datasets.Dataset.from_generator(unrelated, features=features, cache_dir=cache_dir)
    enable()
    same = datasets.Dataset.from_generator(unrelated, features=features, cache_dir=cache_dir)
    made = datasets.Dataset.from_generator(generator, features=features, cache_dir=cache_dir, split="test")
    given = datasets.Dataset.from_generator(
        generator, features=features, cache_dir=cache_dir, split="test", fingerprint="mine"
    )
    called = datasets.Dataset.from_generator(Sums(session), features=features, cache_dir=cache_dir)
    return {
        "runs": len(ran),
        "called": [called.cache_files[0]["filename"], called["sums"][:]],
        "rows": made["sums"][:],
        "file": made.cache_files[0]["filename"],
        "given": Path(given.cache_files[0]["filename"]).parts[-3],
        "unrelated": plain.cache_files == same.cache_files and plain._fingerprint == same._fingerprint,
        "split": str(made.split),
    }


def direct_with_keywords(workdir: Path) -> dict:
    import datasets
    from scenario import build

    session = build({}, workdir)
    session.module.setup(session.datamodule)
    session.datamodule.setup()
    enable()
    features = datasets.Features({"name": datasets.Value("string"), "value": datasets.Value("float32")})

    def rows(**weights):
        total = session.module.model.out.bias.sum()
        for name, weight in weights.items():
            yield {"name": name, "value": total * weight}

    def ask(**arguments):
        given = {"features": features, "cache_dir": str(workdir / "keywords"), **arguments}
        made = datasets.Dataset.from_generator(rows, **given)
        return made["name"][:], made.cache_files[0]["filename"]

    return {
        "ba": ask(gen_kwargs={"b": 1.0, "a": 2.0}),
        "ab": ask(gen_kwargs={"a": 2.0, "b": 1.0}),
        "ab again": ask(gen_kwargs={"a": 2.0, "b": 1.0}),
        "one": ask(gen_kwargs={"a": 2.0}),
        "one, train": ask(gen_kwargs={"a": 2.0}, split="train"),
        "one, Split.TRAIN": ask(gen_kwargs={"a": 2.0}, split=datasets.Split.TRAIN),
        "one, test": ask(gen_kwargs={"a": 2.0}, split="test"),
    }


def direct_changed(workdir: Path) -> dict:
    return direct(workdir, change=True)


def answer(question: str, workdir: Path) -> None:
    print(json.dumps(globals()[question](workdir)), flush=True)


def answer_apart(question: str, workdir: Path) -> None:
    """Answer in a process that has imported the libraries, but neither host nor cache; with directories of its own."""
    if child := os.fork():
        if os.waitpid(child, 0)[1]:
            sys.exit(f"{question} fails")
        return
    try:
        (workdir / question).mkdir()
        os.environ["IT_ANALYSIS_CACHE"] += f"/{question}"
        answer(question, workdir / question)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def main(workdir: str, *questions: str) -> None:
    finder.install()
    if len(questions) == 1:
        return answer(*questions, Path(workdir))
    import datasets  # noqa: F401
    import torch  # noqa: F401

    assert not [name for name in sys.modules if name.split(".")[0] == "interpretune"]
    for question in questions:
        answer_apart(question, Path(workdir))


if __name__ == "__main__":
    main(*sys.argv[1:])
