"""The exceptions of the package. Their texts are those of the `kinglet` command."""


class KingletError(Exception):
    """Whatever Kinglet refuses or cannot do."""


class UsageError(KingletError, ValueError):
    """An option or an argument that makes no sense."""


class ModelError(KingletError):
    """A model that cannot be read, or that has something that Kinglet cannot run. Names the file, the node and a remedy."""


class DataError(KingletError, ValueError):
    """Arrays that do not fit the model: their shape, their type, or values that are no numbers."""


class CompileError(KingletError):
    """A model that was read and cannot be made a blob as it was asked for."""


class ExportError(KingletError):
    """A model of a framework that could not be written as ONNX or TensorFlow Lite."""


class BlobError(KingletError):
    """Bytes that are no blob, or one that this version does not run. Names the rule that is broken and the byte."""


class RunError(KingletError):
    """An inference that could not be run."""


class VerificationError(KingletError):
    """A blob whose signature, test vectors or figures are not what they should be."""


class KingletWarning(UserWarning):
    """What is probably not meant, such as calibration data on another scale than the model's inputs."""
