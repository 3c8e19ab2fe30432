"""A few small calls of each operator, for compute-sanitizer to watch: it slows kernels down a hundred times."""

from __future__ import annotations

import torch

from tools.gpu_check import match, neighborhood
from tools.gpu_check.record import Record
from vision.analysis import attention_speed, match_speed

CASES = [neighborhood.CHOSEN[number] for number in (2, 6, 10, 11, 12, 18)]


def run(record: Record) -> None:
    """Forward and backward, without comparing: the other steps do."""
    done = 0
    for dtype in (torch.float16, torch.float32):
        if attention_speed.native_missing(record.device, dtype) is not None:
            continue
        for case in CASES:
            if record.left < 0:
                break
            tensors = neighborhood.make_tensors(case._replace(batch=1), dtype)
            on_device = {key: neighborhood.move(tensor, record.device) for key, tensor in tensors.items()}
            neighborhood.results(case, on_device, "native")
            done += 1
    if match_speed.native_missing(record.device) is None:
        for match_case in match.CASES[4:7]:
            if record.left > 0:
                inputs = match.make_tensors(match_case, torch.float32)
                match.results(match_case, [t.to(record.device) for t in inputs], "native")
                done += 1
    if record.on_gpu:
        torch.cuda.synchronize(record.device)
    record.check("calls were made", done > 0, f"{done}")
