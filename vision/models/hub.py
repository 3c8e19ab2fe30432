"""Models in folders as the Hugging Face hub has them: `config.json`, `model.safetensors` and a card."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from huggingface_hub import ModelCard, PyTorchModelHubMixin
from torch import Tensor, nn

from vision.checkpoint import CONFIG_NAME, WEIGHTS_NAME, load_strict, read_checkpoint, read_config, write_safetensors
from vision.errors import CheckpointError
from vision.files import to_json, write_text
from vision.hub import check_blob, downloads_allowed, permission
from vision.models.card import card_of

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")

Model = TypeVar("Model", bound="HubModel")


class HubModel(nn.Module, PyTorchModelHubMixin, library_name="neighborhood-vision"):
    """A network that folders and the hub hold. Subclasses say what they are made of, as JSON, and are made of that."""

    # What the hub calls what the model does.
    pipeline: ClassVar[str] = ""

    def hub_config(self) -> dict[str, Any]:
        """What `config.json` says of the model, beside its class.

        Raises:
            UsageError: the model was made of parts that cannot be told.
        """
        raise NotImplementedError

    @classmethod
    def from_hub_config(cls: type[Model], config: dict[str, Any], state: Mapping[str, Tensor]) -> Model:
        """The model that `hub_config` described, with random weights.

        Args:
            config: a stranger's.
            state: weights that it is for, from which its size can be told.

        Raises:
            CheckpointError: the description is of no such model.
        """
        raise NotImplementedError

    def save_pretrained(
        self,
        save_directory: str | Path,
        *,
        config: Any = None,
        repo_id: str | None = None,
        push_to_hub: bool = False,
        model_card_kwargs: dict[str, Any] | None = None,
        **push_to_hub_kwargs: Any,
    ) -> str | None:
        """Write the model into a folder, each file whole or not at all. A card that is there already stays.

        Args:
            save_directory: made if missing.
            config: as in `PyTorchModelHubMixin`; None for what the model says of itself.
            repo_id, push_to_hub, push_to_hub_kwargs: as in `PyTorchModelHubMixin`.
            model_card_kwargs: of `generate_model_card`.

        Returns:
            The address of the commit if the model was pushed.

        Raises:
            UsageError: the model was made of parts that cannot be told.
            OSError: a file cannot be written.
        """
        folder = Path(save_directory)
        described = {"model_type": type(self).__name__, **(self.hub_config() if config is None else config)}
        card = self.generate_model_card(**(model_card_kwargs or {}))
        folder.mkdir(parents=True, exist_ok=True)
        # With the same in its metadata, so that the file alone can be read, too.
        write_safetensors(folder / WEIGHTS_NAME, self.state_dict(), described)
        write_text(folder / CONFIG_NAME, to_json(described, indent=2) + "\n")
        if not (folder / "README.md").exists():
            write_text(folder / "README.md", str(card))
        if not push_to_hub:
            return None
        return self.push_to_hub(
            repo_id or folder.name, config=config, model_card_kwargs=model_card_kwargs, **push_to_hub_kwargs
        )

    def generate_model_card(
        self, *, license: str | None = None, metrics: Mapping[str, float] | None = None, **_: Any
    ) -> ModelCard:
        """The card of shipped weights; for others one that says what is known of them.

        Args:
            license: of the weights.
            metrics: name -> value, as measured.
        """
        return ModelCard(card_of(self, self.pipeline, license, metrics or {}))

    @classmethod
    def from_pretrained(
        cls: type[Model],
        pretrained_model_name_or_path: str | Path,
        *,
        force_download: bool = False,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        revision: str | None = None,
        map_location: Any = "cpu",
        strict: bool = True,
        **model_kwargs: Any,
    ) -> Model:
        """The model of a folder, or of the hub, in eval mode.

        The network is asked only if `NBV_ALLOW_DOWNLOAD=1` allows it (see `vision.hub`); else what the hub's cache on
        this machine has is taken.

        Args:
            pretrained_model_name_or_path: a folder, or the hub's name of a model, "owner/name".
            force_download, token, cache_dir, local_files_only, revision: as in `PyTorchModelHubMixin`.
            map_location: device of the model.
            strict: must be True: weights are always loaded strictly.
            model_kwargs: entries of the config in place of its own.

        Raises:
            CheckpointError: files are missing or damaged, or of another model; or the model is not here and must not,
                or cannot, be fetched.
        """
        if not strict:
            raise CheckpointError("strict is False; weights are loaded strictly: expected True", value=strict)
        folder = Path(pretrained_model_name_or_path)
        if pretrained_model_name_or_path == "" or not folder.is_dir():
            options = {"revision": revision, "cache_dir": cache_dir, "token": token, "force_download": force_download}
            folder = _fetched(str(pretrained_model_name_or_path), local_files_only, options)
        config = {**read_config(folder / CONFIG_NAME), **model_kwargs}
        kind = config.pop("model_type", cls.__name__)
        if kind != cls.__name__:
            raise CheckpointError(f"{folder} holds a model of type {str(kind)[:100]!r}, expected {cls.__name__!r}")
        source = folder / WEIGHTS_NAME
        check_blob(source)
        state, _ = read_checkpoint(source)
        try:
            model = cls.from_hub_config(config, state)
        except (ValueError, TypeError, RuntimeError) as error:
            raise CheckpointError(f"{folder / CONFIG_NAME} cannot be used: {error}", value=str(folder)) from error
        load_strict(model, state, source)
        return model.to(map_location).eval()


def check_keys(config: Mapping[str, Any], known: tuple[str, ...], kind: str) -> None:
    """Refuse what a description may not say.

    Raises:
        CheckpointError: with what it may say.
    """
    unknown = next((key for key in config if key not in known), None)
    if unknown is not None:
        raise CheckpointError(f"{kind} takes no {str(unknown)[:100]!r}; expected some of {', '.join(known)}")


def _fetched(name: str, is_local: bool, options: dict[str, Any]) -> Path:
    """The folder of the hub's cache with a model's files."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if not _HUB_NAME.fullmatch(name) or os.path.exists(name):
        raise CheckpointError(f"{name!r} is no folder, and no name of a model on the hub, which is owner/name")
    is_allowed = downloads_allowed()
    find: Callable[..., Any] = hf_hub_download
    if is_local or not is_allowed:
        # The other asks the hub what coding agents are called, even with its own `local_files_only`.
        find, options = try_to_load_from_cache, {key: options[key] for key in ("revision", "cache_dir")}
    try:
        paths = [find(name, file, **options) for file in (CONFIG_NAME, WEIGHTS_NAME)]
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise CheckpointError(f"cannot download {name}: {reason}", code="download-failed", value=name) from error
    here = [Path(path) for path in paths if isinstance(path, str)]
    if len(here) < len(paths):
        why = "local_files_only is True" if is_allowed else permission()
        message = f"the weights of {name} are not in the Hugging Face cache of this machine, and {why}"
        raise CheckpointError(message, code="no-published-weights", value=name)
    return here[0].parent
