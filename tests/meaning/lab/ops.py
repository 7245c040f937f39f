"""The op: turns a batch of sentences into scores."""

import functools
import logging

from lab import constants
from lab.helpers import keep, rescale
from lab.probes import Probe

log = logging.getLogger(__name__)
TEMPERATURE = 0.5

# %%


def traced(label):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            log.debug("%s called", label)
            return function(*args, **kwargs)

        return wrapper

    return decorate


# %%


def temper(value, temperature=TEMPERATURE):
    """Divide by the temperature."""
    return value / temperature


def clipped(low, high):
    def clip(value):
        return max(low, min(high, value))

    return clip


clip = clipped(constants.BOUNDS["low"], constants.BOUNDS["high"])
soften = functools.partial(temper, temperature=0.7)

# %%


@traced("score")
def score(text, probe, *, power=2):
    words = [word for word in text.split() if keep(word)]
    raw = sum(probe.measure(word) for word in words)
    return clip(soften(raw**power + constants.OFFSET))


# %%


def make_step(session):
    probe = Probe(session.cfg.probe)

    def step(batch, batch_idx):
        """Score a batch."""
        session.logger.info("batch %d of %s", batch_idx, session.run_id)
        with session.lock:
            scores = [score(text, probe) * session.module.cfg.scale for text in batch["text"]]
        return {"score": rescale(scores), "mode": session.cfg.mode.name}

    return step
