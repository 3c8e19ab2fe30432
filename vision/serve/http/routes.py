"""Which paths the API has, for what has to be known of a request before it is routed."""

from __future__ import annotations

import re

from fastapi import FastAPI
from fastapi.routing import APIRoute

from vision.serve.http.problems import Problem

PAGE, OTHER = "page", "other"
# Where the page in a browser sends something. Gradio has more ways in, for programs; here these have /v1.
_PAGE_POSTS = tuple(f"/gradio_api/{name}" for name in ("queue/join", "run/predict", "upload", "reset", "cancel"))
_READING = ("GET", "HEAD", "OPTIONS")
_METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS")


class RouteTable:
    """The routes of the API, told by path: a page that is mounted at "/" would take all that no route takes."""

    def __init__(self) -> None:
        self._routes: list[tuple[re.Pattern[str], str, set[str]]] = []
        self._upload_paths: set[str] = set()

    def read(self, app: FastAPI) -> None:
        """Take in the routes of an app."""
        for route in app.routes:
            if isinstance(route, APIRoute):
                methods = set(route.methods or ())
                self._routes.append((route.path_regex, route.path, methods))
                if "POST" in methods:
                    self._upload_paths.add(route.path)

    def check(self, method: str, path: str) -> None:
        """Refuse what the API does not have.

        Raises:
            Problem: 404 for a path, 405 for a method.
        """
        found = [methods for pattern, _, methods in self._routes if pattern.match(path)]
        allowed = sorted(set[str]().union(*found))
        if found and method not in allowed:
            names = ", ".join(allowed)
            raise Problem(405, f"the method is not for this path; expected {names}", headers={"allow": names})
        if not found and path.startswith("/v1/"):
            raise Problem(404, "the API has no such path; see /openapi.json")
        if not found and method not in _READING and not (method == "POST" and path in _PAGE_POSTS):
            raise Problem(405, "the page takes nothing at this path; programs use /v1, see /openapi.json")

    def takes_files(self, method: str, path: str) -> bool:
        """Whether the body is to be a form with files."""
        return method == "POST" and path in self._upload_paths

    def name_of(self, method: str, path: str) -> str:
        """The route of a path, for logs and figures: it never holds what a user wrote."""
        for pattern, template, _ in self._routes:
            if pattern.match(path):
                return template
        return OTHER if path.startswith("/v1/") or method not in _METHODS else PAGE
