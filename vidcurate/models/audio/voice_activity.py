"""Tells where voices are in sound, by the Silero VAD network that faster-whisper brings along.

Source: github.com/snakers4/silero-vad, version 6, MIT; run by onnxruntime, without torch.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidcurate.errors import MissingExtraError

RATE_HZ = 16_000
FRAME = 512  # samples to which the network gives one probability: 32 ms
CONTEXT = 64  # samples before a frame that it sees as well
STATE = (1, 1, 128)
WEIGHTS = "silero_vad_v6.onnx"

Samples = NDArray[np.float32]
OpenEar = Callable[[], "VoiceDetector"]


@dataclass(slots=True)
class VoiceDetector:
    """The network with what it remembers of one sound; a new sound takes a new one."""

    session: Any
    hidden: Samples = field(default_factory=lambda: np.zeros(STATE, np.float32))
    cell: Samples = field(default_factory=lambda: np.zeros(STATE, np.float32))
    context: Samples = field(default_factory=lambda: np.zeros(CONTEXT, np.float32))

    def probabilities(self, samples: Samples) -> Samples:
        """The probability of a voice in each frame of the sound's next samples, shape (frames,).

        The number of samples is a multiple of 512; they are at 16 kHz, -1..1.
        """
        if not len(samples):
            return np.empty(0, np.float32)
        frames = samples.reshape(-1, FRAME)
        before = np.concatenate([self.context[None], frames[:-1, -CONTEXT:]])
        self.context = frames[-1, -CONTEXT:].copy()
        given = {"input": np.concatenate([before, frames], axis=1)}
        found, self.hidden, self.cell = self.session.run(
            None, {**given, "h": self.hidden, "c": self.cell}
        )
        return np.asarray(found, np.float32).reshape(-1)


def require_silero() -> None:
    """Raise MissingExtraError where the network is not installed; nothing is imported."""
    if find_spec("faster_whisper") is None:
        raise MissingExtraError("faster-whisper", "speech")


def open_silero() -> OpenEar:
    """Load the network on one CPU thread; the result makes a detector for each new sound."""
    import onnxruntime  # noqa: PLC0415 - not everyone's

    spec = find_spec("faster_whisper")
    if spec is None or spec.origin is None:
        raise MissingExtraError("faster-whisper", "speech")
    settings = onnxruntime.SessionOptions()
    settings.inter_op_num_threads = settings.intra_op_num_threads = 1
    settings.enable_cpu_mem_arena = False
    settings.log_severity_level = 4
    file = Path(spec.origin).parent / "assets" / WEIGHTS
    session = onnxruntime.InferenceSession(
        str(file), sess_options=settings, providers=["CPUExecutionProvider"]
    )
    return lambda: VoiceDetector(session)
