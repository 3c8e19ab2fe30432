from .clip import Clip, ClipMaker
from .dataset import LoadSyntheticFrame, SyntheticVideo
from .maker import clip_maker
from .sequence import write_sequence
from .shapes import SHAPES
from .shots import FAULTS
from .stage import Objects, Stage

__all__ = [
    "FAULTS",
    "SHAPES",
    "Clip",
    "ClipMaker",
    "LoadSyntheticFrame",
    "Objects",
    "Stage",
    "SyntheticVideo",
    "clip_maker",
    "write_sequence",
]
