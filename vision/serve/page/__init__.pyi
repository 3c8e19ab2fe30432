from .layout import build_page
from .mount import mount_page

__all__ = [
    "build_page",
    "mount_page",
]
