"""Read a data frame that pandas has pickled, without the second that pandas takes."""

import pickle
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Any

Column = Sequence[Any]


class DType:
    """Stand in for numpy's: the type of an array's values."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = {"f8": "d", "i8": "q"}.get(code, code)
        self.order = ""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]


class Array:
    """Stand in for numpy's: rows of values, or one row where it has one dimension."""

    def __init__(self, *_: object) -> None:
        self.rows: list[Column] = []

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, _, _, values = state
        self.cut(values, shape)

    def cut(self, values: Column, shape: Sequence[int]) -> None:
        """Cut values into rows."""
        width = shape[-1]
        self.rows = [values[i : i + width] for i in range(0, len(values), width)]


def from_buffer(
    buffer: bytearray, dtype: DType, shape: Sequence[int], _order: str
) -> Array:
    """Stand in for numpy's function that reads numbers."""
    count = len(buffer) // struct.calcsize(dtype.code)
    array = Array()
    array.cut(struct.unpack(f"{dtype.order}{count}{dtype.code}", buffer), shape)
    return array


@dataclass(frozen=True)
class Block:
    """Stand in for pandas': columns of one type, and which of the frame's they are."""

    values: Array
    places: Array
    _dimensions: int


def index(_kind: object, state: dict[str, Any]) -> Column:
    """Stand in for pandas' function that makes an index: its labels, if it has any."""
    return state["data"].rows[0] if "data" in state else ()


class Columns(dict[str, Column]):
    """Stand in for what holds a frame's blocks: its columns by name."""

    def __init__(self, blocks: Sequence[Block], axes: Sequence[Column]) -> None:
        super().__init__()
        names = axes[0]
        for block in blocks:
            places = block.places.rows[0]
            for place, values in zip(places, block.values.rows, strict=True):
                self[names[place]] = values


class Frame:
    """Stand in for pandas' data frame."""

    _mgr: Columns


STAND_INS: dict[str, Any] = {
    "DataFrame": Frame,
    "BlockManager": Columns,
    "_unpickle_block": Block,
    "_new_Index": index,
    "Index": None,
    "RangeIndex": None,
    "_frombuffer": from_buffer,
    "_reconstruct": Array,
    "ndarray": Array,
    "dtype": DType,
}


class FrameUnpickler(pickle.Unpickler):
    """Make nothing but stand-ins."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Find the stand-in for a name."""
        if global_name not in STAND_INS:
            raise pickle.UnpicklingError(f"no stand-in for {module_name}.{global_name}")
        return STAND_INS[global_name]


def read_frame(file: BufferedIOBase) -> dict[str, Column]:
    """Read the columns of a pickled frame of numbers and texts."""
    frame: Frame = FrameUnpickler(file).load()
    return dict(frame._mgr)
