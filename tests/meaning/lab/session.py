"""A session as frameworks make them: it holds what the op needs, and much that it does not."""

import logging
import threading
import time
import uuid


class Session:
    def __init__(self, cfg, model=None, tokenizer=None, log_dir="runs/1"):
        self.cfg = cfg
        self.model = model
        self.tokenizer = tokenizer
        self.log_dir = log_dir
        self.logger = logging.getLogger(f"lab.{uuid.uuid4()}")
        self.lock = threading.Lock()
        self.run_id = uuid.uuid4()
        self.started = time.time()
        self.callbacks = [self.on_step]
        self.module = Module(self)

    def on_step(self, step):
        self.logger.info("step %d", step)


class Module:
    """Refers back to its session, as modules of frameworks do."""

    def __init__(self, session):
        self.session = session
        self.cfg = session.cfg
        self.model = session.model
