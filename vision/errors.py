"""What goes wrong, and what is odd: both carry a code, which names their kind, and the offending value."""

from __future__ import annotations

from typing import Any


def printable(text: str) -> str:
    """Escape control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# Every code that the library gives, with its meaning. Those of errors first, then those of warnings.
CODES: dict[str, str] = {
    "usage": "a mistake that no other code names",
    "out-of-range": "an argument lies outside its range; the value is what was given",
    "conflicting-arguments": "arguments that exclude each other",
    "unknown-model": "no model has this name",
    "no-onnx-file": "onnxruntime was asked for, and no model in ONNX was named",
    "no-weights": "the model ships without weights, and no checkpoint was named",
    "wrong-task": "a stereo model was asked for flow, or a flow model for disparity",
    "bad-checkpoint": "a file of weights cannot be used, for a reason that no other code names",
    "no-published-weights": "weights have a known name, but are not on this machine; the value is the name",
    "download-failed": "weights cannot be fetched, or are not what was expected; the value is their address",
    "no-foundation": "the detector needs the weights of a foundation model, and there are none; the value is its name",
    "other-foundation": "the weights of a foundation model are of another one, or not those of the training",
    "bad-state": "the saved state of a stream does not fit the network, or is damaged",
    "other-variant": "the checkpoint is of another variant than the model; the value is the model that fits, or None",
    "missing-package": "a package, or an op of it, that is not installed is needed",
    "old-torch": "torch is older than what the suite needs; the value is its version",
    "bad-config": "a config cannot be read, or lacks what was asked of it",
    "bad-data-root": "a folder holds no data set as expected; the value is the folder",
    "bad-annotations": "boxes of videos cannot be used as they are told; the value is the file or what is wrong in it",
    "bad-trust-list": "a file or folder holds no certificates that can be read; the value is its path",
    "bad-table": "a table of results lacks columns or rows, or cannot be read; the value is the file",
    "bad-list": "a CSV file lists no pairs as expected; the value is the file, or what it names and is not there",
    "no-pairs": "the names in two folders, or in one, do not tell which images are two views of one moment",
    "frame-rates-differ": "two videos have different numbers of frames per second; the value is both",
    "unknown-device": "no device has such a name",
    "unusable-device": "the device is not there",
    "bad-calibration": "a calibration of cameras cannot be used, or not for these images",
    "bad-calibration-syntax": "the same, as its text is damaged",
    "unreadable-video": "a video, or a folder of its frames, cannot be opened",
    "no-frames": "a video, a folder or a camera gives no frame that can be used; the value is what it is",
    "no-references": "an offline video was begun before frames of its whole length were remembered",
    "bad-address": "the address of a stream has another scheme, or cannot be opened; the value is the address",
    "no-camera": "no camera has this number, or it gives no frames; the value is the number",
    "unknown-class": "the model knows no such class; the value is its name",
    "no-encoder": "the video library was built without an H.264 encoder",
    "bad-video-name": "the name of a video to write has another suffix than .mp4, .m4v or .mov; the value is the name",
    "unknown-watermark": "no generator of this name writes a watermark that is known; the value is the name",
    "report-exists": "there is a report in the folder already; the value is its name",
    "folder-in-use": "another run writes to a folder; the value is the folder",
    "other-options": "a folder holds rows of a run with other options; the value is the first that differs",
    "unreadable-address": "an address of files cannot be listed or read; the value is the address",
    "no-credentials": "a store of files refuses to be read without other credentials; the value is the address",
    "no-cluster": "no cluster of Ray can be started or joined; the value is its address, or None",
    "cluster-gone": "the cluster went away while a batch ran; the value is its address, or None",
    "batch-unfinished": "inputs are left whose work ended without a row; the value is how many tries brought none",
    "worker-died": "the worker that had an input in hand died of it, alone, in the end",
    "work-failed": "the work on an input raised an error that no other code names",
    "unwritable-folder": "a folder for results cannot be made or written to; the value is the folder",
    "bad-image": "an image file cannot be used, for a reason that no other code names",
    "unreadable-file": "a file is missing, not regular, or may not be read",
    "not-an-image": "the file is no image of a known kind",
    "damaged-image": "the image is truncated or damaged",
    "unsupported-image": "the image is of a kind that cannot be decoded; the value is the compression's number",
    "raw-image": "a camera's raw file, which holds no finished image",
    "image-too-complex": "decoding would take minutes: too many scans, chunks, segments or strips",
    "bad-values": "the pixels have values that are not those of an image; the value is (least, largest)",
    "bad-array": "the array is no image, disparity map or flow field; the value is (dtype, shape)",
    "too-small": "the image has less than 8 x 8 pixels; the value is (height, width)",
    "too-many-pixels": "the image, or a frame, exceeds max_pixels; the value is how many it has, if that is known",
    "image-out-of-memory": "decoding or cutting the image exceeds memory",
    "match-out-of-memory": "matching the pair exceeds memory; the value is the bytes needed, if they are known",
    "tile-out-of-memory": "tiles as wide as the disparities need exceed memory; the value is the bytes needed",
    "too-large-to-recompress": "the image is larger than JPEG allows; the value is (height, width)",
    "sizes-differ": "the two images of a pair differ in size; the value is both (height, width)",
    "bad-sides": "two views side by side do not split into two of one width; the value is the width of both",
    "not-a-number": "the model gave a value that is not a number",
    "not-a-number-in-half": "the same in half precision, where values overflow; the value is the precision",
    "no-evidence": "warning: too small, or flat or drawn; the value is (height, width) or the share that has texture",
    "weak-evidence": "warning: why a verdict is open; the value is the JPEG quality or the scale, or None",
    "signature-remark": "warning: why a signature is invalid or not trusted, or what of a manifest was not read",
    "declaration-remark": "warning: something in the file contradicts what it declares",
    "white-found": "warning: values of more than 8 bits end below their white; the value is the highest",
    "reduced-image": "warning: a TIFF file begins with a thumbnail, or holds nothing else",
    "no-end-marker": "warning: the file ends early, behind its last pixel",
    "scans-missing": "warning: a progressive JPEG lacks its last scans; the value is how many it has",
    "trailing-data": "warning: bytes follow the end of the image; the value is how many",
    "metadata-skipped": "warning: texts or profiles that are damaged or too large were left out to decode the image",
    "same-images": "warning: both images of a pair are the same",
    "unrelated-views": "warning: the images share hardly any detail; the value is the share of features that match",
    "views-unrectified": "warning: rows differ though nothing rectified them; the value is the median in pixels",
    "bad-rectification": "warning: rows differ after rectification; the value is the median in pixels",
    "views-swapped": "warning: most disparities are negative; the value is their share",
    "views-disagree": "warning: hardly a match leads back; the value is the share of those that do not",
    "no-depth": "warning: no pixel has a depth; the value is the median disparity",
    "beyond-16-bits": "warning: some values are too large for a 16-bit PNG and unknown there; the value is how many",
    "far-points": "warning: points too far to be known were left out of a cloud; the value is how many",
    "unit-assumed": "warning: nothing says the unit of the baseline; it was taken as meters",
    "no-calibration": "warning: depth or points were asked for, but this pair has no calibration",
    "scale-reduced": "warning: matched smaller than wanted, since memory is short; the value is (height, width)",
    "images-extended": "warning: the images are smaller than what the model takes; the value is (height, width)",
    "no-distortion": "warning: the calibration says nothing of the lenses' distortion, and none is taken away",
    "cameras-guessed": "warning: the calibration has several pairs of cameras, and nothing says which took the images",
    "doffs-differ": "warning: the calibration contradicts itself; the value is (its doffs, what its cameras say)",
    "calibration-scaled": "warning: the calibration is for images of another size; the value is the factor",
    "off-center": "warning: the principal point is far from the middle; the value is how far, in parts of the side",
    "paired-by-number": "warning: no names agree, images are paired by the number in their names",
    "paired-by-order": "warning: no names agree and none has a number, images are paired in their order",
    "paired-by-time": "warning: images are paired by nearly equal time stamps; the value is the largest difference",
    "frames-skipped": "warning: frames could not be decoded and were left out; the value is how many so far",
    "size-changed": "warning: frames change their size; the value is both (height, width)",
    "rate-changed": "warning: the time between frames changes; the value is (seconds before, seconds now)",
    "frames-out-of-order": "warning: a frame's number or time is before that of the last frame; the value is both",
    "frame-twice": "warning: a frame has the number or the time of the last frame; the value is that",
    "frames-missing": "warning: the video ends before its header says; the value is (frames read, frames named)",
    "source-gone": "warning: a camera or a stream ended, nobody said why; the value is how many frames it gave",
    "taken-as-rectified": "warning: the calibration is read as that of rectified pairs, though nothing says so",
}


class UsageError(ValueError):
    """The caller named something that is missing or does not fit; the message says what and what to do.

    Messages speak of Python's arguments; the command line adds what its own options can do, by the code.

    Attributes:
        code: kind of mistake, in kebab case, such as "too-many-pixels".
        value: what was given, or None.
    """

    def __init__(self, message: str = "", *, code: str = "usage", value: Any = None) -> None:
        # Names of files, keys of checkpoints and headers of lists are a stranger's text, and messages end on terminals.
        super().__init__("\n".join(map(printable, message.split("\n"))))
        self.code = code
        self.value = value


class CheckpointError(UsageError):
    """A weights file cannot be used; the message says which, why and what to do."""

    def __init__(self, message: str = "", *, code: str = "bad-checkpoint", value: Any = None) -> None:
        super().__init__(message, code=code, value=value)


class Notice(str):
    """A warning, in one line: text that also knows its kind.

    Attributes:
        code: kind of warning, in kebab case, such as "views-swapped".
        value: the figure that gave rise to it, or None.
    """

    code: str
    value: Any

    def __new__(cls, text: str, code: str, value: Any = None) -> Notice:
        """Text with a kind."""
        notice = super().__new__(cls, text)
        notice.code, notice.value = code, value
        return notice

    def __getnewargs__(self) -> tuple[str, str, Any]:  # type: ignore[override]  # a str has the text alone
        """What a copy, or one that was pickled, is made of."""
        return str(self), self.code, self.value


def notice_of(error: Exception, text: str | None = None) -> Notice:
    """An error as text that keeps its code and its value; `text` in place of its own words."""
    return Notice(text or str(error), getattr(error, "code", "usage"), getattr(error, "value", None))
