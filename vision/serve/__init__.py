"""A server over the inferencers: a queue in front of the models, files of users, an HTTP API, a page."""
