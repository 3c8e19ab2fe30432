from .http import create_app
from .queue import Busy, Closed, Ticket, WorkQueue
from .services import Services, Stopped
from .settings import Settings
from .uploads import Uploads

__all__ = [
    "Busy",
    "Closed",
    "Services",
    "Settings",
    "Stopped",
    "Ticket",
    "Uploads",
    "WorkQueue",
    "create_app",
]
