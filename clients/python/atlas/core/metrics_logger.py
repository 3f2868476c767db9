"""The same module under the path that Atlas' code uses."""
from core.metrics_logger import log_metric, lost

__all__ = ["log_metric", "lost"]
