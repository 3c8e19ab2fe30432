"""Where `vision.visualization.forgery` used to be."""

from vision.visualization.forgery import render_heatmap, save_heatmap

__all__ = ["render_heatmap", "save_heatmap"]
