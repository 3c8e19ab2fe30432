from .attention import draw_attention
from .canvas import save_image
from .dense import draw_prediction
from .flow import flow_colors, flow_wheel
from .forgery import render_heatmap, save_heatmap
from .points import render_points
from .stereo import disparity_colors, disparity_range, render_stereo
from .video import contact_sheet, draw_frame

__all__ = [
    "contact_sheet",
    "disparity_colors",
    "disparity_range",
    "draw_attention",
    "draw_frame",
    "draw_prediction",
    "flow_colors",
    "flow_wheel",
    "render_heatmap",
    "render_points",
    "render_stereo",
    "save_heatmap",
    "save_image",
]
