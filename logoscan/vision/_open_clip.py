"""Load a CLIP by open_clip: from a folder, or by name and tag or checkpoint; never from a pickle."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

from logoscan._quote import cause
from logoscan.errors import CorruptFileError, InputError, MissingDependencyError
from logoscan.types import CropFit, EncoderInfo, Preprocessing
from logoscan.vision.weights import BPE_FILE

__all__ = ["design_of", "load_open_clip"]

logger = logging.getLogger(__name__)

# File names that open_clip prefers in a folder; after these it prefers pickles to safetensors of other names.
_PREFERRED_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")


@contextmanager
def _keep_root_logger() -> Iterator[None]:
    """Keep open_clip from changing the root logger.

    It calls `logging.info`, which adds a handler to a root logger that has none; here the root logger has one.
    """
    root, guard = logging.getLogger(), logging.NullHandler()
    root.addHandler(guard)
    try:
        yield
    finally:
        root.removeHandler(guard)


@_keep_root_logger()
def load_open_clip(model: str, pretrained: str | Path | None, fit: CropFit) -> tuple[Any, EncoderInfo, Any]:
    """Load a CLIP.

    Args:
        model: A folder with `open_clip_config.json` and safetensors, or a name of open_clip.
        pretrained: With a name of open_clip: a tag or a checkpoint in safetensors.
        fit: How boxes become squares.

    Returns:
        The network, its identity, and its tokenizer, which is None where it cannot be loaded.

    Raises:
        MissingDependencyError: open_clip is not installed.
        InputError: The model or the tag does not exist, or the weights are a pickle.
        CorruptFileError: The weights are missing or cannot be loaded.
    """
    try:
        with warnings.catch_warnings():  # tqdm warns in notebooks without ipywidgets; its progress bars are not used
            warnings.filterwarnings("ignore", message="IProgress not found")
            import open_clip
        import torch
        from safetensors import SafetensorError

        import logoscan.vision.level_trunk  # noqa: F401  # timm knows the trunk of the bundled model by it
    except ImportError as error:
        raise MissingDependencyError(f"open_clip is missing ({error}); pip install open-clip-torch") from None
    folder = Path(model.removeprefix("local-dir:")).expanduser()
    tokenizer_options: dict[str, str] = {}
    if model.startswith("local-dir:") or folder.is_dir():
        if not (folder / "open_clip_config.json").is_file():
            raise InputError(f"model: expected a folder with open_clip_config.json, got {str(folder)!r}")
        if pretrained is not None:
            raise InputError(
                f"pretrained: expected None with a folder, which holds its weights, got {str(pretrained)!r}"
            )
        pickles = sorted([*folder.glob("*.bin"), *folder.glob("*.pth")])
        if pickles and not any((folder / name).is_file() for name in _PREFERRED_FILES):
            raise _pickle_error("model", pickles[0])
        name, tag = f"local-dir:{folder.resolve()}", None
        readable = folder.resolve().name
        if (folder / BPE_FILE).is_file():  # open_clip finds no merges file by itself
            tokenizer_options["bpe_path"] = str(folder.resolve() / BPE_FILE)
    else:
        if model not in open_clip.list_models():
            raise InputError(f"model: expected a folder or one of open_clip.list_models(), got {model!r}")
        if pretrained is None:
            raise InputError(f"pretrained: expected a tag or a checkpoint file for {model!r}, got None")
        if not Path(pretrained).is_file() and not open_clip.get_pretrained_cfg(model, str(pretrained)):
            raise InputError(f"pretrained: expected a tag or a checkpoint file for {model!r}, got {str(pretrained)!r}")
        if Path(pretrained).is_file() and Path(pretrained).suffix != ".safetensors":
            raise _pickle_error("pretrained", Path(pretrained))
        name, tag = model, str(pretrained)
        readable = f"{model}/{Path(tag).name}"
    try:
        # It raises where weights are missing, unlike create_model, which returns a random network. With weights_only,
        # the pickle of a tag that was published without safetensors cannot run code.
        clip, preprocess = open_clip.create_model_from_pretrained(
            name, pretrained=tag, return_transform=True, weights_only=True
        )
        tokenizer = _tokenizer(name, tokenizer_options)
    except (
        RuntimeError, OSError, ValueError, KeyError, TypeError, EOFError, ImportError, AssertionError, UnpicklingError,
        SafetensorError,
    ) as error:  # fmt: skip
        raise CorruptFileError(f"{readable}: cannot be loaded as an open_clip model ({cause(error)})") from None
    del preprocess  # `square_crops` is used in its place, with the numbers of open_clip's preprocess_cfg
    cfg = clip.visual.preprocess_cfg
    size = cfg["size"] if isinstance(cfg["size"], int) else cfg["size"][0]
    row = Preprocessing(int(size), tuple(cfg["mean"]), tuple(cfg["std"]), fit)
    digest = hashlib.sha256()
    for key, value in sorted(clip.state_dict().items()):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(value.detach().cpu().float().numpy()).tobytes())
    with torch.inference_mode():  # the networks of open_clip have no common attribute for the length of a vector
        dim = int(clip.visual.eval()(torch.zeros(1, 3, row.size_px, row.size_px)).shape[-1])
    return clip, EncoderInfo(readable, digest.hexdigest(), row, dim), tokenizer


def design_of(clip: Any) -> str:
    """Return a hash of a network's layers and attention heads: one file of weights may fit several designs."""
    heads = [getattr(part, "num_heads", None) for part in clip.modules()]
    return hashlib.sha256(f"{clip!r} {heads}".encode()).hexdigest()


def _pickle_error(field: str, path: Path) -> InputError:
    return InputError(
        f"{field}: expected weights in safetensors, got {str(path)!r}; a pickle may run code when it is opened: load "
        "it where you trust it with torch.load(..., weights_only=True) and save it by safetensors.torch.save_file"
    )


def _tokenizer(name: str, options: dict[str, str]) -> Any:
    """Return the model's tokenizer; None for one of Hugging Face that is not cached, so that the image tower loads."""
    import open_clip

    try:
        return open_clip.get_tokenizer(name, **options)
    except (ImportError, OSError) as error:
        logger.warning("%s: no tokenizer, so no search for names (%s)", name, error)
        return None
