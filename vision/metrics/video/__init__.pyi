from .boxes import box_iou
from .frames import FrameTruth, JudgedFrame
from .metric import VIDMetric
from .motion import motion_ious
from .scores import Scores, VideoScores, video_scores
from .table import format_video_table

__all__ = [
    "FrameTruth",
    "JudgedFrame",
    "Scores",
    "VIDMetric",
    "VideoScores",
    "box_iou",
    "format_video_table",
    "motion_ious",
    "video_scores",
]
