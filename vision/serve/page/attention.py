"""The tab that shows what a pixel attends to."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vision.apis.attention import attention_of
from vision.images import read_image
from vision.serve.page import examples
from vision.serve.page.files import new_folder
from vision.serve.page.findings import rows_html
from vision.serve.page.toolkit import given, gr
from vision.serve.page.waiting import STOPPED, Line, kind_errors, refusal, session_of, told
from vision.structures.attention import BlockAttention
from vision.visualization import draw_attention

if TYPE_CHECKING:
    from backbones.neighborhood.transformer import NeighborhoodTransformer

TASK = "attention"
MODELS = ("dinat_mini", "dinat_tiny", "dinat_small", "nat_mini", "nat_tiny", "nat_small")
_PREVIEW = 1000
_ABOUT = """\
Click a pixel of the image: the keys of its window are drawn over the image, from dark (no weight) to yellow (most), by
stage and block. No weights of these models ship: without a checkpoint they are random, and only window and dilation
say something."""


@dataclass
class Looked:
    """What the page keeps of a click.

    Attributes:
        image: uint8 RGB, reduced.
        blocks: one per block of the network.
        model: its name.
        is_trained: whether a checkpoint was given.
    """

    image: np.ndarray
    blocks: list[BlockAttention]
    model: str
    is_trained: bool


def attention_tab(line: Line) -> None:
    """Add the tab's parts to the page that is being built."""
    gr.Markdown(_ABOUT)
    with gr.Row():
        with gr.Column():
            image = given(
                gr.Image(
                    label="Image: click a pixel", sources=["upload", "clipboard"], image_mode=None, height=360,
                    elem_id="attention-image", buttons=[],
                )
            )  # fmt: skip
            with gr.Row():
                across = gr.Slider(0, 100, 50, step=0.5, label="Across, %", elem_id="attention-across")
                down = gr.Slider(0, 100, 50, step=0.5, label="Down, %", elem_id="attention-down")
            model = gr.Dropdown(list(MODELS), value=MODELS[0], label="Model", elem_id="attention-model")
            with gr.Accordion("Checkpoint", open=False):
                checkpoint = gr.File(
                    label="Weights of this model (.pth, .safetensors)", height=120, elem_id="attention-checkpoint"
                )
            with gr.Row():
                start = gr.Button("Look", variant="primary", elem_id="attention-start")
                example = gr.Button("Load an example", elem_id="attention-example")
                stop = gr.Button("Stop", variant="stop", elem_id="attention-stop")
            status = gr.HTML("", elem_classes="status", elem_id="attention-status")
        with gr.Column(visible=False) as results:
            drawn = gr.Image(
                label="Window", interactive=False, format="png",
                buttons=["download", "fullscreen"], elem_id="attention-drawn",
            )  # fmt: skip
            gr.HTML('<p class="key">Pink: the query. White: the edge of its window.</p>')
            block = gr.Slider(1, 2, 1, step=1, label="Block", elem_id="attention-block")
            head = gr.Slider(0, 1, 0, step=1, label="Head (0: mean of all)", elem_id="attention-head")
            facts = gr.HTML(elem_id="attention-facts")
    kept = gr.State(None, time_to_live=line.services.settings.keep_seconds)

    def look(
        path: str | None, x: float, y: float, name: str, weights: str | None, at: int, of: int, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        if path is None:
            raise refusal("Choose an image first")
        looked = yield from told(
            line.wait(
                (session_of(request), TASK),
                lambda stop: _looked(path, (y / 100, x / 100), name, weights, line.services.settings.max_pixels),
                lambda: "Looking …",
            ),
            status,
        )
        if looked is None:
            return
        at = min(int(at), len(looked.blocks))
        random = "" if looked.is_trained else " The weights are random: no checkpoint was given."
        yield {
            status: f"Done: {len(looked.blocks)} blocks of {name}.{random}",
            results: gr.Column(visible=True),
            kept: looked,
            block: gr.Slider(1, len(looked.blocks), at, step=1),
            **show(looked, at, of),
        }

    def show(looked: Looked | None, at: int, of: int) -> dict[Any, Any]:
        if looked is None:
            return {drawn: gr.skip(), head: gr.skip(), facts: gr.skip()}
        one = looked.blocks[int(np.clip(at, 1, len(looked.blocks))) - 1]
        of = min(int(of), len(one.weights))
        return {
            drawn: draw_attention(looked.image, one, of - 1 if of else None),
            head: gr.Slider(0, len(one.weights), of, step=1),
            facts: facts_html(one, of),
        }

    def click(path: str | None, event: gr.SelectData) -> tuple[float, float]:
        with kind_errors():
            height, width = _preview(path, line.services.settings.max_pixels)[1] if path else (1, 1)
        column, row = event.index
        return (round(200 * column / width) / 2, round(200 * row / height) / 2)

    inputs = [image, across, down, model, checkpoint, block, head]
    outputs = [status, results, kept, block, drawn, head, facts]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    image.select(click, image, [across, down], **quiet).then(look, inputs, outputs, **quiet)
    start.click(look, inputs, outputs, **quiet)
    for one in (block, head):
        one.input(show, [kept, block, head], [drawn, head, facts], **quiet)
    example.click(lambda: examples.attention_file(new_folder(line.services)), None, image, api_visibility="private")

    def give_up(request: gr.Request) -> str:
        line.stop(session_of(request), TASK)
        return STOPPED

    stop.click(give_up, None, status, queue=False, api_visibility="private")


def facts_html(one: BlockAttention, head: int) -> str:
    """What a block is, and its strongest keys.

    Args:
        one: of the pixel.
        head: 1 for the first; 0 for the mean of all.
    """
    weights = one.weights.mean(0) if head == 0 else one.weights[head - 1]
    order = np.argsort(-weights, kind="stable")[:5]
    rows = [[f"{one.keys[k][0]}, {one.keys[k][1]}", f"{weights[k]:.1%}"] for k in order]
    window = " x ".join(map(str, one.kernel_size))
    reach = " x ".join(
        str((k - 1) * d * one.pixels + one.pixels) for k, d in zip(one.kernel_size, one.dilation, strict=True)
    )
    text = (
        f"{one.name}: a window of {window} tokens with dilation {one.dilation[0]} over {reach} pixels; "
        f"{one.grid[0]} x {one.grid[1]} tokens of {one.pixels} pixels; "
        f"the query is token {one.query[0]}, {one.query[1]}"
    )
    return f'<p class="facts">{text[:1].upper()}{text[1:]}.</p>{rows_html(["Key (row, column)", "Weight"], rows)}'


def _looked(path: str, place: tuple[float, float], name: str, checkpoint: str | None, max_pixels: int) -> Looked:
    image, _ = _preview(path, max_pixels)
    point = tuple(min(part * side, side - 1) for part, side in zip(place, image.shape[:2], strict=True))
    model = _model(name, checkpoint)
    blocks = attention_of(image, model, (point[0], point[1]))
    return Looked(image, blocks, name, checkpoint is not None)


def _preview(path: str, max_pixels: int) -> tuple[np.ndarray, tuple[int, int]]:
    """The image, reduced, and its (height, width) before."""
    image = read_image(path, max_pixels)
    height, width = image.shape[:2]
    factor = _PREVIEW / max(height, width)
    if factor < 1:
        image = cv2.resize(
            image, (max(1, round(width * factor)), max(1, round(height * factor))), interpolation=cv2.INTER_AREA
        )
    return image, (height, width)


_lock = threading.Lock()


def _model(name: str, checkpoint: str | None) -> NeighborhoodTransformer:
    """One of `MODELS`, whatever a request names."""
    if name not in MODELS:
        raise refusal(f"No model is called {name[:40]}")
    if checkpoint is None:
        with _lock:
            return _untrained(name)
    from backbones.checkpoint import load_backbone

    model = _made(name)
    load_backbone(model, checkpoint)
    return model


@functools.lru_cache(maxsize=1)
def _untrained(name: str) -> NeighborhoodTransformer:
    return _made(name)


def _made(name: str) -> NeighborhoodTransformer:
    import timm
    import torch

    import backbones  # noqa: F401  # its models are timm's then

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the same for all
        return timm.create_model(name).eval()  # type: ignore[return-value]  # what is registered there
