"""What is written down of requests: a line of JSON each, and figures for Prometheus; nothing of what files hold."""

from __future__ import annotations

import json
import logging
import time
from datetime import datetime, timezone

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from vision.serve.services import Services

access_log = logging.getLogger("vision.serve.access")
_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS")


class Recorder:
    """Counts requests, and writes a line for each.

    Args:
        services: whose queue is measured.
    """

    def __init__(self, services: Services) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "vision_requests", "Requests that were answered", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "vision_request_seconds", "Until the answer was sent", ["route"], buckets=_BUCKETS, registry=self.registry
        )
        waiting = Gauge("vision_queue_length", "Requests that wait for a model", registry=self.registry)
        waiting.set_function(lambda: len(services.queue))
        memory = Gauge("vision_resident_memory_bytes", "Resident memory of the process", registry=self.registry)
        memory.set_function(lambda: psutil.Process().memory_info().rss)

    def add(self, method: str, route: str, status: int, seconds: float, sent: int) -> None:
        """One request that is done; status 0 if its client went away before an answer."""
        method = method if method in _METHODS else "OTHER"
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        line = {
            "time": datetime.fromtimestamp(time.time(), timezone.utc).isoformat(timespec="milliseconds"),
            "method": method,
            "path": route,
            "status": status,
            "ms": round(1000 * seconds, 1),
            "bytes": sent,
        }
        access_log.info(json.dumps(line))

    def text(self) -> bytes:
        """The figures, as Prometheus reads them."""
        return generate_latest(self.registry)
