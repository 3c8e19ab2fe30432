"""The HTTP API: FastAPI over the services."""

from vision.serve.http.app import create_app

__all__ = ["create_app"]
