"""The page as a whole: a title, a tab per task, and what happens when somebody leaves."""

from __future__ import annotations

from collections.abc import Callable

from vision.serve.page.attention import attention_tab
from vision.serve.page.forgery import forgery_tab
from vision.serve.page.stereo import stereo_tab
from vision.serve.page.toolkit import gr
from vision.serve.page.video import video_tab
from vision.serve.page.waiting import Line, session_of
from vision.serve.services import Services
from vision.serve.settings import Settings

TITLE = "Neighborhood vision"
_TABS: dict[str, tuple[str, Callable[[Line], None]]] = {
    "forgery": ("Forgery", forgery_tab),
    "stereo": ("Stereo", stereo_tab),
    "video": ("Video", video_tab),
    "attention": ("Attention", attention_tab),
}
_SWEEP = 600  # seconds between two looks for files that are too old


def build_page(settings: Settings, services: Services) -> gr.Blocks:
    """The page of a server.

    Args:
        settings: which tabs it has, and the limits that it tells.
        services: models and the line in front of them.
    """
    line = Line(services)
    keep = max(1, int(settings.keep_seconds))
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(min(_SWEEP, keep), keep)) as page:
        gr.Markdown(f"# {TITLE}\n{_limits(settings)}")
        with gr.Tabs():
            for task in settings.only:
                name, add_tab = _TABS[task]
                with gr.Tab(name, id=task, elem_id=f"{task}-tab"):
                    add_tab(line)

        def leave(request: gr.Request) -> None:
            line.stop(session_of(request))

        page.unload(leave)
    # Who waits for a model waits in the server's line: here everybody is let through to it.
    room = 2 * settings.queue + 8
    page.queue(default_concurrency_limit=room, max_size=4 * room, api_open=False)
    return page


def _limits(settings: Settings) -> str:
    kept = f"{settings.keep_seconds / 60:.0f} minutes"
    return (
        f"Everything is worked out on this server; nothing is sent elsewhere. Files of up to "
        f"{settings.max_upload / (1 << 20):.0f} MiB and {settings.max_pixels / 1e6:.0f} megapixels; they are deleted "
        f"after {kept}, and when the server ends."
    )
