"""A server over the inferencers: a queue in front of the models, files of users, an HTTP API, a page."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
