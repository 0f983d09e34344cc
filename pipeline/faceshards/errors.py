"""What can go wrong, as a small tree: every error is also the builtin that a caller would guess.

Messages follow one shape: what was looked at, what was expected, what was found, what to do.
"""


class FaceShardsError(Exception):
    """The root of all errors that this package raises on purpose."""


class ParamsError(FaceShardsError, ValueError):
    """A parameter that is unknown, of the wrong type, or out of its range."""


class UnknownRegionError(ParamsError):
    """A region name or id that is none of the 25."""


class FaceError(FaceShardsError, ValueError):
    """An image or a region map that a caller gave cannot be used: its shape, or a value in it, is wrong."""


class FaceTypeError(FaceError, TypeError):
    """An image or a region map is missing, or is not of a type or dtype that can be used."""


class SourceNotFoundError(FaceShardsError, FileNotFoundError):
    """The source of faces, or a file that belongs to it, is not there."""


class SourceFormatError(FaceShardsError, ValueError):
    """The source is there but is not laid out as its format says."""


class BadSampleError(FaceShardsError, ValueError):
    """One face cannot be used. Stages turn it into a manifest row: `reason` is its short code.

    Args:
        reason: a code such as ``"undecodable_image"``, counted in reports.
        detail: one sentence for a person.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["BadSampleError"], tuple[str, str]]:
        return type(self), (self.reason, self.detail)


class TooManySkippedError(FaceShardsError, RuntimeError):
    """More faces dropped out of a stage than its params allow."""


class LicenceError(FaceShardsError, PermissionError):
    """The licence of a data set was not accepted in the params."""


class DownloadError(FaceShardsError, OSError):
    """A download could not be finished, or what arrived is not what was promised."""


class StoreFormatError(FaceShardsError, ValueError):
    """A folder is not a faceshards store, or is one of a version that this release cannot read."""


class UnknownSampleError(FaceShardsError, KeyError):
    """A sample id that a split does not have."""

    def __str__(self) -> str:
        # KeyError shows its argument as a literal, with quotes around the sentence.
        return str(self.args[0]) if self.args else ""


class LostBatchError(FaceShardsError, RuntimeError):
    """Batches that the workers of a loader were to make did not arrive."""


class IteratorEndedError(FaceShardsError, RuntimeError):
    """An iterator of a loader was used after a later one took over its workers."""


class StoreSpecError(FaceShardsError, ValueError):
    """What is to be written does not fit the store's spec, or the spec contradicts itself."""


class MissingShardError(FaceShardsError, FileNotFoundError):
    """A file that the store's inventory lists is not there. Never read as zeros."""


class RevisionError(FaceShardsError, ValueError):
    """What is to be a version of a store is none: no folder, no URL, no revision at which DVC tracks one."""


class CacheError(FaceShardsError, OSError):
    """The folder that keeps files of a remote store cannot be written, or has no room left."""


class CorruptShardError(FaceShardsError, ValueError):
    """A file of the store has other bytes than its inventory says, or does not decode."""


class ReplacedStoreError(CorruptShardError):
    """Another version of the store, or none, lies where the one lay that was opened."""


class ExportError(FaceShardsError, ValueError):
    """A store cannot be exported: the output is there already, or the format cannot hold what the store has."""


class OutputExistsError(FaceShardsError, FileExistsError):
    """There is something where a command is to put its output."""


class WeightsError(FaceShardsError, ValueError):
    """Network weights that do not fit the network: missing, surplus or misshapen keys, or an unsafe file."""


class WeightsNotFoundError(WeightsError, FileNotFoundError):
    """The file of network weights is not there."""


class ParserError(FaceShardsError, ValueError):
    """A parser was given something else than aligned faces, or gives something else than regions."""


class TrainingError(FaceShardsError, RuntimeError):
    """Training the parser cannot go on: its loss is no number any more."""


class DeviceError(FaceShardsError, RuntimeError):
    """The asked-for device (CUDA, say) is not there."""


class MissingExtraError(FaceShardsError, ImportError):
    """An optional dependency is needed and not installed; the message names the extra."""


class UnsupportedSystemError(FaceShardsError, NotImplementedError):
    """What is asked for needs a POSIX system, such as Linux or macOS."""


class OtherCodeError(FaceShardsError, RuntimeError):
    """A data set is made by other code than the code that runs."""


class ProjectError(FaceShardsError, ValueError):
    """A folder cannot become the repository of a data set, or is none."""


class BusyError(FaceShardsError, RuntimeError):
    """Another process is making the same output."""


class SchedulerError(FaceShardsError, ConnectionError):
    """The Dask scheduler was lost, or no longer answers, while a stage ran."""


class WorkerError(FaceShardsError, RuntimeError):
    """The workers of a cluster cannot do the tasks: none came, one has other code or data, or a shard ends them all."""


class ReportInputError(FaceShardsError, ValueError):
    """What a report is to be made of does not fit: a metrics file of another form, or stores of different builds."""


class TargetError(FaceShardsError, ValueError):
    """The targets of a saliency map do not fit the faces or the model's outputs."""


class ModelError(FaceShardsError, ValueError):
    """A model to explain cannot be loaded, refuses aligned faces, or gives something else than one row a face."""


class ModelFailedError(ModelError, RuntimeError):
    """A model to explain raised an error of its own on the images that it was given; that error is the cause."""


class NotFiniteError(ModelError):
    """A model to explain gives a face, or a partly hidden copy of it, a score that is no finite number.

    Args:
        face: its place in the batch.
        detail: which copy of it, and the score.
    """

    def __init__(self, face: int, detail: str) -> None:
        super().__init__(f"face {face} of the batch: {detail}")
        self.face = face
        self.detail = detail

    def __reduce__(self) -> tuple[type["NotFiniteError"], tuple[int, str]]:
        return type(self), (self.face, self.detail)


class ModelNotFoundError(ModelError, FileNotFoundError):
    """The file of a model to explain is not there."""
