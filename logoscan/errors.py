"""The exceptions that logoscan raises on purpose; everything else that escapes is a defect."""

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
    """What is to be registered contradicts what is registered, and was refused; nothing has changed.

    Attributes:
        conflicts: What speaks against it, a sentence each; the message names the first ones.
    """

    def __init__(self, message: str, conflicts: tuple[str, ...] = ()) -> None:
        """Join a message with all that it sums up."""
        super().__init__(message)
        self.conflicts = conflicts


class CorruptFileError(LogoscanError):
    """A stored file is truncated, altered or of another format; the message names the file."""


class MismatchError(LogoscanError):
    """Two parts do not belong together, such as an index and an encoder; the message names both sides."""


class DeviceError(LogoscanError):
    """A device that was asked for explicitly cannot be had."""


class MissingDependencyError(LogoscanError, ImportError):
    """An optional package or model is missing; the message names the command that installs it."""
