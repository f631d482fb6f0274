"""Where in the picture something is, as numbers that do not depend on its size, and as a word."""

from dataclasses import dataclass

REGIONS = (
    *("top left", "top", "top right", "left", "centre", "right"),
    *("bottom left", "bottom", "bottom right"),
)
THIRDS = 3


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle: its edges as shares of the picture's width and height, from top left.

    >>> Box(0.7, 0.0, 1.0, 0.1).region
    'top right'
    """

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """The share of the picture inside it."""
        return (self.right - self.left) * (self.bottom - self.top)

    @property
    def region(self) -> str:
        """The word for the cell of a 3 x 3 grid in which its middle lies."""
        across, down = (
            min(int(THIRDS * middle), THIRDS - 1)
            for middle in ((self.left + self.right) / 2, (self.top + self.bottom) / 2)
        )
        return REGIONS[THIRDS * down + across]
