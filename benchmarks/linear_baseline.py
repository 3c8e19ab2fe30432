"""Accuracy of a linear model on the pixels of a folder data set, for comparison with a trained network.

    python benchmarks/linear_baseline.py data/cifar10 [--epochs 10]

Multinomial logistic regression on the raw pixels, standardized, by AdamW; the best validation accuracy over the epochs
and learning rates is printed, which flatters the linear model.
"""

from __future__ import annotations

import argparse

import torch
from timm.data import ImageDataset
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms.functional import pil_to_tensor


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", help="folder with train/<class>/* and val/<class>/*, all images of one size")
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args()
    train, val = (read(f"{args.data_root}/{split}") for split in ("train", "val"))
    mean, std = train[0].mean(0), train[0].std(0) + 1e-3
    train, val = ((x.sub(mean).div(std), y) for x, y in (train, val))
    for rate in (1e-4, 3e-4, 1e-3):
        print(f"learning rate {rate:g}: {best_accuracy(train, val, rate, args.epochs):.2f} % top-1")


def read(folder: str) -> tuple[Tensor, Tensor]:
    """Pixels `[N, 3 * H * W]` in 0..1 and labels `[N]`."""
    images = ImageDataset(folder, transform=pil_to_tensor)
    pixels, labels = zip(*(images[i] for i in range(len(images))), strict=True)
    return torch.stack(pixels).flatten(1).float() / 255, torch.tensor(labels)


def best_accuracy(train: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor], rate: float, epochs: int) -> float:
    """Percent of the validation set at the best epoch."""
    torch.manual_seed(0)
    model = nn.Linear(train[0].shape[1], int(train[1].max()) + 1)
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-2)
    best = 0.0
    for _ in range(epochs):
        for batch in torch.randperm(len(train[1])).split(256):
            optimizer.zero_grad()
            F.cross_entropy(model(train[0][batch]), train[1][batch]).backward()
            optimizer.step()
        with torch.no_grad():
            best = max(best, 100 * float((model(val[0]).argmax(-1) == val[1]).float().mean()))
    return best


if __name__ == "__main__":
    main()
