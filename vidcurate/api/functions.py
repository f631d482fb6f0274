"""Every function that runs something: `run`, `estimate`, and one for each stage.

`functions.pyi`, which is generated from the options' models, says the same to type checkers.
"""

from vidcurate.api.build import functions
from vidcurate.stages.registry import STAGES

globals().update(functions(STAGES))
