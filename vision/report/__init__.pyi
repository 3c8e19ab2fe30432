from .writer import ReportWriter

__all__ = ["ReportWriter"]
