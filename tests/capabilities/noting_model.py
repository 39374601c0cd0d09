"""A model that writes down each time it is loaded; in a module that workers import quickly."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd


class NotesLoads:
    """A model that writes down each time it is loaded."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        with open(os.path.join(self.folder, str(os.getpid())), "a") as file:
            file.write("loaded\n")

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        return frame.sum(axis=1).to_numpy()
