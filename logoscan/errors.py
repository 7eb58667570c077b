"""The exceptions that logoscan raises on purpose; any other one that escapes is a defect."""

__all__ = [
    "CorruptFileError",
    "DeviceError",
    "ImageError",
    "InputError",
    "LogoscanError",
    "MismatchError",
    "MissingDependencyError",
    "VettingError",
]


class LogoscanError(Exception):
    """Base of every error that logoscan raises on purpose."""


class InputError(LogoscanError, ValueError):
    """A value that the caller gave is not usable; the message names the field, what was expected and what came."""


class ImageError(InputError):
    """A picture cannot be read, or is refused before it is decoded."""


class VettingError(InputError):
    """A registration contradicts the index and was refused; nothing has changed.

    Attributes:
        conflicts: The contradictions, one sentence each; the message names the first ones.
    """

    def __init__(self, message: str, conflicts: tuple[str, ...] = ()) -> None:
        """Keep the message and all the conflicts that it sums up."""
        super().__init__(message)
        self.conflicts = conflicts


class CorruptFileError(LogoscanError):
    """A stored file is truncated, altered or of another format; the message names the file."""


class MismatchError(LogoscanError):
    """Two parts do not belong together, such as an index and an encoder; the message names both sides."""


class DeviceError(LogoscanError):
    """A device that was requested by name is not available."""


class MissingDependencyError(LogoscanError, ImportError):
    """An optional package or model is missing; the message names the command that installs it."""
