from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch.distributed as dist
from torch.utils.data import ConcatDataset

from vision.datasets.forgery.sampler import BalancedSourceSampler

SIZES = {(0, "a"): 300, (0, "b"): 30, (0, "c"): 3, (1, "a"): 10, (1, "x"): 90}


def make_set(sizes: dict[tuple[int, str], int] = SIZES) -> SimpleNamespace:
    rows = [key for key, count in sizes.items() for _ in range(count)]
    return SimpleNamespace(labels=np.array([label for label, _ in rows]), sources=[source for _, source in rows])


def drawn(sampler: BalancedSourceSampler, dataset: SimpleNamespace) -> Counter[tuple[int, str]]:
    return Counter((int(dataset.labels[index]), dataset.sources[index]) for index in sampler)


@pytest.mark.parametrize("seed", range(5))
def test_classes_and_sources_are_even(seed):
    dataset = make_set()
    counts = drawn(BalancedSourceSampler(dataset, num_samples=600, seed=seed), dataset)
    assert counts[1, "a"] + counts[1, "x"] == 300
    assert all(abs(counts[0, name] - 100) <= 1 for name in "abc")
    assert all(abs(counts[1, name] - 150) <= 1 for name in "ax")


def test_alpha_zero_follows_the_sizes():
    dataset = make_set()
    counts = drawn(BalancedSourceSampler(dataset, num_samples=666, seed=0, alpha=0.0), dataset)
    assert all(abs(counts[0, name] - SIZES[0, name]) <= 1 for name in "abc")
    assert abs(counts[1, "x"] - 0.9 * 333) <= 1
    between = drawn(BalancedSourceSampler(dataset, num_samples=666, seed=0, alpha=0.5), dataset)
    assert 111 < between[0, "a"] < 300


def test_every_image_of_a_source_is_used_before_one_comes_again():
    dataset = make_set({(0, "a"): 40, (1, "b"): 7})
    uses = Counter(BalancedSourceSampler(dataset, num_samples=80, seed=1))
    assert all(uses[index] == 1 for index in range(40))
    assert {uses[index] for index in range(40, 47)} <= {5, 6}


def test_every_even_batch_is_balanced_and_either_class_may_come_first():
    dataset = make_set()
    labels = dataset.labels[list(BalancedSourceSampler(dataset, num_samples=400, seed=0))].reshape(-1, 2)
    assert (labels.sum(1) == 1).all()
    assert 60 < labels[:, 0].sum() < 140


def test_epochs_differ_and_repeat():
    sampler = BalancedSourceSampler(make_set(), num_samples=50, seed=3)
    first = list(sampler)
    assert list(sampler) == first
    sampler.set_epoch(1)
    second = list(sampler)
    assert second != first
    sampler.set_epoch(0)
    assert list(sampler) == first
    assert list(BalancedSourceSampler(make_set(), num_samples=50, seed=4)) != first
    assert list(BalancedSourceSampler(make_set(), num_samples=50)) != list(BalancedSourceSampler(make_set(), 50))


def test_fractions_of_an_image_are_not_always_rounded_the_same_way():
    dataset = make_set({(0, "a"): 5, (0, "b"): 5, (0, "c"): 5, (1, "x"): 5})
    sampler = BalancedSourceSampler(dataset, num_samples=8, seed=0)
    total: Counter[tuple[int, str]] = Counter()
    for epoch in range(600):
        sampler.set_epoch(epoch)
        total += drawn(sampler, dataset)
    assert all(abs(total[0, name] - 800) < 60 for name in "abc")


@pytest.mark.parametrize(("world_size", "num_samples"), [(2, 100), (3, 100), (2, 101), (4, 10)])
def test_ranks_share_an_epoch(monkeypatch, world_size, num_samples):
    dataset = make_set()
    parts = []
    for rank in range(world_size):
        monkeypatch.setattr(dist, "is_initialized", lambda: True)
        monkeypatch.setattr(dist, "get_rank", lambda rank=rank: rank)
        monkeypatch.setattr(dist, "get_world_size", lambda: world_size)
        sampler = BalancedSourceSampler(dataset, num_samples=num_samples, seed=0)
        parts.append(list(sampler))
        assert len(parts[-1]) == len(sampler) == -(-num_samples // world_size)
        assert abs(2 * dataset.labels[parts[-1]].sum() - len(sampler)) <= 1
    large = [index for part in parts for index in part if dataset.sources[index] == "a" and dataset.labels[index] == 0]
    assert len(large) == len(set(large))


def test_the_default_epoch_is_twice_the_smaller_class():
    assert len(BalancedSourceSampler(make_set(), seed=0)) == 200


def test_concatenated_sets_are_balanced_as_one():
    class Part(SimpleNamespace):
        def __len__(self) -> int:
            return len(self.labels)

    parts = [Part(**vars(make_set({(0, "a"): 20, (1, "x"): 2}))), Part(**vars(make_set({(0, "b"): 2})))]
    counts = Counter(BalancedSourceSampler(ConcatDataset(parts), num_samples=40, seed=0))
    assert sum(count for index, count in counts.items() if index in (20, 21)) == 20
    assert sum(count for index, count in counts.items() if index in (22, 23)) == 10


def test_mistakes_are_refused():
    with pytest.raises(ValueError, match=r"no fake \(label 1\) image among 4"):
        BalancedSourceSampler(make_set({(0, "a"): 4}))
    with pytest.raises(ValueError, match="alpha is 2"):
        BalancedSourceSampler(make_set(), alpha=2)
    with pytest.raises(ValueError, match="num_samples is 1"):
        BalancedSourceSampler(make_set(), num_samples=1)
    with pytest.raises(TypeError, match="list has no `labels`"):
        BalancedSourceSampler([1, 2, 3])
