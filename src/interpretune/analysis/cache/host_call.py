"""One call of the host's function that makes the dataset of an analysis, and the rows that the host computes for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import Any, NoReturn

from datasets.exceptions import DatasetGenerationError

from .batches import batches_from
from .host_warnings import warn_once
from .session import SessionRun

__all__ = ["HostCall"]


class HostCall:
    """One call of the host's function, taken apart."""

    def __init__(self, runners: ModuleType, given: dict[str, Any]) -> None:
        self.runners = runners
        self.module = given["module"]
        self.features: Any = given["features"]
        self.format: dict[str, Any] = given["it_format_kwargs"]
        self.arguments: dict[str, Any] = given["gen_kwargs"]
        self.split: str = given["split"]
        self.context: dict[str, Any] = given["kwargs"]
        self._epoch_is_open = False
        cfg = self.module.it_cfg.analysis_cfg
        limit = self.arguments.get("limit_analysis_batches", -1)
        self.run = SessionRun(
            module=self.module,
            datamodule=self.arguments["datamodule"],
            cfg=cfg,
            step_fn=self.arguments["step_fn"],
            max_epochs=self.arguments.get("max_epochs", 1),
            limit=limit,
            split=str(self.split),
            features=self.features,
            format=self.format.get("col_cfg"),
        )

    @classmethod
    def read(
        cls, runners: ModuleType, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HostCall | None:
        """Take a call apart; None where a future host calls in another way."""
        try:
            bound = inspect.signature(original).bind(*args, **kwargs)
            bound.apply_defaults()
            return cls(runners, bound.arguments)
        except (TypeError, KeyError, AttributeError) as error:
            warn_once(
                f"this version of interpretune makes datasets in a way that is not known here ({error!r}), so its "
                "analyses run uncached. Update interpretune-analysis-cache, or use `materialize`."
            )
            return None

    @property
    def name(self) -> str:
        """What the analysis goes by: its op, or the step of the user."""
        return str(getattr(getattr(self.run.cfg, "op", None), "name", None) or self.run.step_fn)

    def begin_anew(self) -> None:
        """Put back what a run that was given up has left behind."""
        reset = getattr(self.run.cfg, "reset_op_state", None)
        if reset is not None:
            reset()

    def fail(self, cause: Exception) -> NoReturn:
        """Raise what the host raises when making a dataset fails, and dump what it dumps.

        Args:
            cause: what went wrong, mostly in the step.
        """
        try:
            raise DatasetGenerationError("An error occurred while generating the dataset") from cause
        except DatasetGenerationError as error:
            dump = getattr(self.runners, "handle_exception_with_debug_dump", None)
            if dump is not None:  # it raises the error once it has dumped
                dump(error, (self.features, self.arguments, self.format, self.context), "dataset_generation")
            raise

    def rows(self, start: int) -> Iterator[list[dict[str, Any]]]:
        """Compute the rows of each batch, from one on."""
        computed = self._from_the_first() if start == 0 else self._from(start)
        names = list(self.features)
        for batch in computed:
            # A row of the host may lack an optional column, or hold more than the columns; `datasets` takes it so too.
            yield [_columns(row, names) for row in batch]

    def _from_the_first(self) -> Iterator[list[Mapping[str, Any]]]:
        """Let the host's own generator run, and tell its rows apart by the batch that they are of."""
        drawn = _Drawn(self.arguments["datamodule"], self.run.loader, self.run.limit)
        generator = self.runners.analysis_store_generator(**{**self.arguments, "datamodule": drawn})
        rows: list[Mapping[str, Any]] = []
        number = 0
        failure: BaseException | None = None
        while True:
            try:
                row = next(generator, None)
            except BaseException as error:  # also where the user interrupts: the last batch may be complete
                failure, row = error, None
            # The rows of a batch are all there once the host goes on to the next one, or ends.
            ended = row is None
            done = drawn.done(failed=failure is not None) if ended else drawn.count - 1
            while number < done:
                yield rows
                rows, number = [], number + 1
            if failure is not None:
                raise failure
            if row is None:
                return
            rows.append(row)

    def _from(self, start: int) -> Iterator[list[Mapping[str, Any]]]:
        """Compute from a later batch on, as the host's generator does in the one epoch that such a run has."""
        module, limit = self.module, self.arguments.get("limit_analysis_batches", -1)
        module.current_epoch = 0
        module.global_step = module.global_step + start
        self._epoch_is_open = True
        for index, batch in enumerate(batches_from(self.run.loader, start), start):
            if index >= limit >= 0:
                return
            yield list(
                self.runners.run_step(
                    step_fn=self.arguments["step_fn"], batch=batch, batch_idx=index, module=module, as_generator=True
                )
            )

    def finish(self) -> None:
        """End the epoch, where the host's generator has not done it."""
        if self._epoch_is_open:
            self._epoch_is_open = False
            self.module.on_analysis_epoch_end()


def _columns(row: Any, names: list[str]) -> dict[str, Any]:
    # The host's batches look names up elsewhere, too, when they are asked with their own `get`.
    get = partial(dict.get, row) if isinstance(row, dict) else row.get
    return {name: get(name) for name in names}


class _Drawn:
    """A data module whose test loader is the one in the key, and counts the batches that the host takes from it.

    Args:
        datamodule: the host's.
        loader: its loader.
        limit: how many batches of each epoch the host takes; it draws one more to see that. None or negative for all.
    """

    def __init__(self, datamodule: Any, loader: Any, limit: int | None) -> None:
        self._datamodule = datamodule
        self._loader = loader
        self.limit = limit
        #: Batches that came, in all epochs, and whether the host is at work on the last of them.
        self.count = 0
        self.at_work = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._datamodule, name)

    def test_dataloader(self) -> _Counted:
        """Give the loader, counted."""
        return _Counted(self._loader, self)

    def takes(self, index: int) -> bool:
        """Tell whether the host takes the batch of this index in an epoch."""
        return self.limit is None or self.limit < 0 or index < self.limit

    def done(self, *, failed: bool) -> int:
        """Tell for how many batches all rows are there, now that the host's generator has ended.

        Args:
            failed: whether it ended with an error: in a batch, in drawing the next one, or at the end of an epoch.
        """
        return self.count - 1 if failed and self.at_work else self.count


class _Counted:
    """An iterable that tells how far it was gone through."""

    def __init__(self, loader: Any, drawn: _Drawn) -> None:
        self._loader = loader
        self._drawn = drawn

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        drawn = self._drawn
        for index, batch in enumerate(self._batches()):
            drawn.at_work = drawn.takes(index)
            drawn.count += drawn.at_work
            yield batch

    def _batches(self) -> Iterator[Any]:
        """Give the batches; while the next one is drawn, the host is at work on none."""
        batches = iter(self._loader)
        while True:
            self._drawn.at_work = False
            try:
                batch = next(batches)
            except StopIteration:
                return
            yield batch
